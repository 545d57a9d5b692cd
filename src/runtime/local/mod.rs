//! Instances as child processes: found on this machine (`find`), started from a cached data folder (`cache`) as an
//! unprivileged user (`user`) in a folder of their own (`scratch`), gone afterwards (`sweep`).

mod cache;
mod command_line;
mod find;
mod instance;
mod proc;
mod process;
mod scratch;
mod stall;
mod sweep;
mod user;

pub use command_line::{PORT, SOCKET};
pub use instance::{Instance, Kept, ToolInput};
pub use process::{Said, ToolRun};
pub use scratch::{Room, Scratch};
pub use sweep::{Swept, sweep};
pub use user::User;

use self::process::Server;
use self::scratch::beside;
use self::sweep::LOG;
use crate::error::{Error, Result};
use crate::runtime::{Installation, Limits, Place, Recipe};
use crate::scenario::RuntimeSettings;
use crate::secret::{Secret, Secrets};
use rustix::process::Signal;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a start may take, a data folder made anew included.
const START_LIMIT: Duration = Duration::from_mins(2);

/// How long a tool may make no progress when nothing is configured.
const NO_PROGRESS: Duration = Duration::from_mins(2);

/// How often it is looked whether a starting server still lives.
const LIVES_EVERY: Duration = Duration::from_millis(5);

/// The longest path of a Unix socket, without its closing NUL (`sun_path` in unix(7)).
const SOCKET_PATH_LIMIT: usize = 107;

/// Starts disposable servers as child processes of assay.
#[derive(Debug, Clone)]
pub struct LocalRuntime {
    settings: RuntimeSettings,
    secrets: Secrets,
    user: User,
    limits: Limits,
    cache: Option<PathBuf>,
}

impl LocalRuntime {
    /// For a run.
    ///
    /// # Errors
    /// Harness or scenario: there is no user to run servers as.
    pub fn new(settings: &RuntimeSettings, secrets: &Secrets) -> Result<Self> {
        let user = User::choose(settings.user.as_deref())?;
        let limits = limits(settings);
        Ok(Self { settings: settings.clone(), secrets: secrets.clone(), user, limits, cache: cache::default_dir() })
    }

    /// Keeps initialised data folders here instead of in the user's cache; `None` makes each one anew.
    #[must_use]
    pub fn with_cache(mut self, dir: Option<PathBuf>) -> Self {
        self.cache = dir;
        self
    }

    /// The user that servers and tools run as.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// Every installation of a recipe's engine on this machine.
    ///
    /// # Errors
    /// Scenario: a configured folder does not hold the server's program.
    pub async fn installations(&self, recipe: &dyn Recipe) -> Result<Vec<Installation>> {
        let (engine, program) = (recipe.engine(), recipe.server_program());
        let configured = self.configured(engine);
        let useless =
            |folder: &&PathBuf| !std::iter::once(&program).chain(recipe.tools()).any(|program| folder.join(program).is_file());
        if let Some(empty) = configured.iter().find(useless) {
            return Err(Error::scenario(format!("there is no {program} in {}", empty.display()))
                .hint(format!("Mend `runtime.local.{engine}.bin` in assay.yaml.")));
        }
        let mut found = find::installations(recipe, configured, &self.user).await;
        for installation in &mut found {
            installation.elsewhere = self.tool_folders(recipe);
        }
        Ok(found)
    }

    /// Where the tools of an engine may lie, when they need not lie beside the server.
    fn tool_folders(&self, recipe: &dyn Recipe) -> Vec<PathBuf> {
        if recipe.tools().is_empty() {
            return Vec::new();
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        self.configured(recipe.engine()).iter().cloned().chain(std::env::split_paths(&path)).collect()
    }

    /// What is started, and from where: a configured command line, or the installation that the recipe chooses.
    async fn installation(&self, recipe: &dyn Recipe) -> Result<Installation> {
        let installation = if self.command_line(recipe.engine()).is_some() {
            let elsewhere = self.tool_folders(recipe);
            Installation { bin: PathBuf::from("/usr/bin"), version: String::new(), major: 0, elsewhere }
        } else {
            recipe.choose(&self.installations(recipe).await?)?.clone()
        };
        match recipe.tools().iter().find(|tool| !installation.program(tool).is_file()) {
            None => Ok(installation),
            Some(tool) => Err(Error::harness(format!("there is no {tool} on this machine")).hint(format!(
                "Install the package that holds it, or name its folder in `runtime.local.{}.bin`.",
                recipe.engine()
            ))),
        }
    }

    /// The command line that starts a server in place of the recipe's own. One line per engine.
    fn command_line(&self, engine: &str) -> Option<&str> {
        match engine {
            "mongodb" => self.settings.mongodb_command.as_deref(),
            _ => None,
        }
    }

    /// The configured folders with an engine's programs. One line per engine.
    fn configured(&self, engine: &str) -> &[PathBuf] {
        match engine {
            "postgres" => &self.settings.postgres_bin,
            "mongodb" => &self.settings.mongodb_bin,
            _ => &[],
        }
    }

    /// Starts a server in a scenario's folder of scratch and waits until it is ready. Dropping the future ends everything.
    ///
    /// # Errors
    /// Harness: no installation fits, the server does not start, or it takes too long.
    pub async fn start(&self, recipe: &dyn Recipe, room: &Path) -> Result<Instance> {
        tokio::time::timeout(START_LIMIT, self.start_unbounded(recipe, room)).await.unwrap_or_else(|_| {
            let limit = START_LIMIT.as_secs();
            Err(Error::harness(format!("the {} server was not ready after {limit} s", recipe.engine()))
                .evidence(instance::log_tail(room)))
        })
    }

    async fn start_unbounded(&self, recipe: &dyn Recipe, room: &Path) -> Result<Instance> {
        let installation = self.installation(recipe).await?;
        let command_line = self.command_line(recipe.engine());
        let port = command_line.map(command_line::port).transpose()?.flatten();
        let place = Place { data: room.join("data"), socket: room.join("s"), port };
        let socket = place.socket.join(recipe.socket_name());
        check_socket_path(&socket)?;
        let cached_password = self.prepare(recipe, &installation, &place, room).await?;
        let log = std::fs::File::options().append(true).create(true).open(beside(room, LOG)).map_err(Error::from)?;
        let (call, signal) = match command_line {
            Some(line) => (command_line::call(line, &place, &socket), Signal::TERM),
            None => (recipe.server(&place), recipe.stop_signal()),
        };
        let command = process::command(&installation, &call, &self.user, room);
        let server = Server::start(command, room, &log, signal)?;
        let password = self.new_password()?;
        let mut instance = Instance {
            engine: recipe.engine(),
            installation,
            place,
            room: room.to_path_buf(),
            password,
            limits: self.limits,
            user: self.user.clone(),
            no_progress: self.settings.no_progress.unwrap_or(NO_PROGRESS),
            server,
        };
        until_ready(recipe, &mut instance, &cached_password).await?;
        if command_line.is_some() {
            instance.installation.version = recipe.told_version(&instance.place).await?.unwrap_or_default();
        }
        Ok(instance)
    }

    /// Puts an initialised and configured data folder in its place, owned by the server's user. Returns its password.
    async fn prepare(&self, recipe: &dyn Recipe, found: &Installation, place: &Place, room: &Path) -> Result<Secret> {
        std::fs::DirBuilder::new().mode(0o700).create(&place.socket).map_err(Error::from)?;
        if self.command_line(recipe.engine()).is_some() || recipe.initialise(place, Path::new("")).is_empty() {
            std::fs::DirBuilder::new().mode(0o700).create(&place.data).map_err(Error::from)?;
            self.hand_over(recipe, place)?;
            return self.new_password();
        }
        let entry = self.cache.as_ref().map(|dir| cache::entry_dir(dir, recipe, found));
        let cached = match &entry {
            Some(entry) => cache::take(entry, &place.data, &self.secrets).await?,
            None => None,
        };
        let password = match cached {
            Some(password) => password,
            None => self.initialise(recipe, found, place, room, entry.as_deref()).await?,
        };
        self.hand_over(recipe, place)?;
        Ok(password)
    }

    /// Configures the server, and gives its folders to its user.
    fn hand_over(&self, recipe: &dyn Recipe, place: &Place) -> Result<()> {
        if self.command_line(recipe.engine()).is_none() {
            recipe.configure(place, &self.limits)?;
        }
        let give = || self.user.give_tree(&place.data).and_then(|()| self.user.give(&place.socket));
        give().map_err(|e| Error::from(e).context("cannot hand the data folder over to the server's user"))
    }

    /// Makes a new data folder, and an entry of the cache from it.
    async fn initialise(
        &self,
        recipe: &dyn Recipe,
        found: &Installation,
        place: &Place,
        room: &Path,
        entry: Option<&Path>,
    ) -> Result<Secret> {
        let password = self.new_password()?;
        let file = room.join("password");
        let write = || cache::write_private(&file, password.expose().as_bytes()).and_then(|()| self.user.give(&file));
        write().map_err(|e| Error::from(e).context("cannot write into scratch"))?;
        self.make_data(recipe, found, place, room, &file).await?;
        std::fs::remove_file(&file).map_err(Error::from)?;
        if let Some(entry) = entry
            && let Err(e) = cache::store(entry, &place.data, &password).await
        {
            tracing::debug!(entry = %entry.display(), "the cache cannot be written: {e}");
        }
        Ok(password)
    }

    async fn make_data(&self, recipe: &dyn Recipe, found: &Installation, place: &Place, room: &Path, pw: &Path) -> Result<()> {
        let mut last = Error::harness(format!("{} has no way to make a data folder", recipe.engine()));
        for call in recipe.initialise(place, pw) {
            let run = process::run_tool(process::command(found, &call, &self.user, room), room, None).await?;
            if run.exit.success() {
                return Ok(());
            }
            last = Error::harness(format!("{} could not make a data folder ({})", call.program, run.exit));
            last = disk_full(&run.stderr.lines).unwrap_or(last).evidence(run.stderr.lines);
        }
        Err(last)
    }

    fn new_password(&self) -> Result<Secret> {
        Ok(self.secrets.known(&cache::random(24).map_err(Error::from)?))
    }
}

/// Waits for the server's answer, and notices if it dies instead.
async fn until_ready(recipe: &dyn Recipe, instance: &mut Instance, cached_password: &Secret) -> Result<()> {
    let Instance { place, password, server, room, engine, .. } = instance;
    let died = async {
        loop {
            if let Some(exit) = server.exit() {
                return exit;
            }
            tokio::time::sleep(LIVES_EVERY).await;
        }
    };
    tokio::select! {
        ready = recipe.ready(place, cached_password, password) => ready.map_err(|e| e.evidence(instance::log_tail(room))),
        exit = died => {
            let log = instance::log_tail(room);
            let error = Error::harness(format!("the {engine} server ended before it was ready ({exit})"));
            Err(disk_full(&log).unwrap_or(error).evidence(log))
        }
    }
}

/// The message for a full disk, if these lines speak of one.
fn disk_full(lines: &[String]) -> Option<Error> {
    let full = lines.iter().any(|line| line.contains("No space left on device"));
    full.then(|| std::io::Error::from(std::io::ErrorKind::StorageFull).into())
}

fn check_socket_path(path: &Path) -> Result<()> {
    let length = path.as_os_str().len();
    if length <= SOCKET_PATH_LIMIT {
        return Ok(());
    }
    let error =
        format!("the path of the server's socket has {length} bytes, {SOCKET_PATH_LIMIT} are possible: {}", path.display());
    Err(Error::harness(error).hint("Point `scratch.dir` in assay.yaml to a folder with a shorter path."))
}

/// Memory for an instance when nothing is configured: a quarter of what is available, within these bounds.
const LEAST_MEMORY: u64 = 256 << 20;
const MOST_MEMORY: u64 = 8 << 30;

fn limits(settings: &RuntimeSettings) -> Limits {
    let machine = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = || (available_memory().unwrap_or(LEAST_MEMORY) / 4).clamp(LEAST_MEMORY, MOST_MEMORY);
    Limits { cpus: settings.cpus.unwrap_or(machine).max(1), memory: settings.memory.unwrap_or_else(memory) }
}

fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_that_is_too_long_is_told_before_the_server_fails_on_it() {
        let path = PathBuf::from(format!("/{}", "x".repeat(SOCKET_PATH_LIMIT - 1)));
        assert!(check_socket_path(&path).is_ok());
        let error = check_socket_path(&path.join("y")).expect_err("too long");
        assert!(error.message.starts_with("the path of the server's socket has 109 bytes"), "{error}");
        assert!(error.hint.is_some_and(|hint| hint.contains("shorter")));
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let line = "FATAL:  could not write to file \"pg_wal/xlogtemp.17\": No space left on device".to_owned();
        assert_eq!(disk_full(&[String::new(), line]).map(|e| e.message).as_deref(), Some("the disk is full"));
        assert_eq!(disk_full(&["FATAL:  data directory has wrong ownership".to_owned()]), None);
    }

    #[test]
    fn an_instance_never_eats_the_machine() {
        let limits = limits(&RuntimeSettings::default());
        assert!(limits.cpus >= 1 && (LEAST_MEMORY..=MOST_MEMORY).contains(&limits.memory), "{limits:?}");
        let set = RuntimeSettings { cpus: Some(3), memory: Some(1 << 30), ..RuntimeSettings::default() };
        assert_eq!(super::limits(&set), Limits { cpus: 3, memory: 1 << 30 });
    }
}
