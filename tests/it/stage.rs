//! What the tests of the whole program share: a stage with real dumps, and a way to call the binary.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

/// Two days of `codetalk` and one cut dump of `bookmarked`, by the real `pg_dump`, made once for all tests.
static DUMPS: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("tempdir");
    let demo = run(assay(dir.path()).args(["demo", "--quiet", "--dir", "demo"]));
    assert_eq!(demo.status.code(), Some(0), "{}", text(&demo));
    let dumps = dir.path().join("demo/store/my-backups/postgresql-backups");
    (dir, dumps)
});

/// The dumps of one of the demo's databases, oldest first.
pub fn dumps(database: &str) -> Vec<PathBuf> {
    let mut dumps: Vec<_> = std::fs::read_dir(&DUMPS.1).expect("dumps").map(|e| e.expect("entry").path()).collect();
    dumps.retain(|path| path.file_name().expect("name").to_string_lossy().starts_with(database));
    dumps.sort();
    assert!(!dumps.is_empty(), "the demo made no dump of {database}");
    dumps
}

/// A folder with a store `here` in `backups/`, scenarios, and scratch and cache of its own.
pub struct Stage {
    dir: TempDir,
}

impl Stage {
    /// With a whole series of `codetalk`.
    pub fn new() -> Self {
        let stage = Self::empty("");
        for dump in dumps("codetalk") {
            std::fs::copy(&dump, stage.path().join("backups").join(dump.file_name().expect("name"))).expect("copy");
        }
        stage
    }

    /// Without an artifact, and with more lines in `assay.yaml`.
    pub fn empty(more: &str) -> Self {
        let stage = Self { dir: tempfile::Builder::new().prefix("assay-test-").tempdir().expect("tempdir") };
        // Servers run as another user when the tests run as root.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(stage.path(), open).expect("permissions");
        std::fs::create_dir_all(stage.path().join("backups")).expect("backups");
        std::fs::create_dir_all(stage.path().join("scenarios")).expect("scenarios");
        stage.write("assay.yaml", format!("stores:\n  here: {{ dir: backups }}\nscratch: {{ dir: scratch }}\n{more}"));
        stage
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), content).expect(name);
    }

    /// A scenario over the keys `<name>-{timestamp}.dump`, with more lines of YAML.
    pub fn scenario(&self, name: &str, more: &str) {
        let head = format!("name: {name}\nartifact: {{ store: here, key: \"{name}-{{timestamp}}.dump\" }}\n");
        self.write(&format!("scenarios/{name}.yaml"), format!("{head}{more}"));
    }

    /// Puts an artifact of an hour ago.
    pub fn artifact(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
        let key = format!("{name}-{}.dump", hour_ago.strftime("%Y%m%d-%H%M%S"));
        let path = self.path().join("backups").join(&key);
        std::fs::write(&path, content).expect("artifact");
        let file = std::fs::File::options().write(true).open(&path).expect("artifact");
        file.set_modified(hour_ago.into()).expect("mtime");
        key
    }

    pub fn assay(&self, args: &[&str]) -> Output {
        run(assay(self.path()).args(args))
    }

    /// The evidence of the newest run.
    pub fn evidence(&self) -> Value {
        let path = self.path().join("reports/out/latest/evidence.json");
        serde_json::from_slice(&std::fs::read(&path).expect("evidence.json")).expect("JSON")
    }

    pub fn junit(&self) -> String {
        std::fs::read_to_string(self.path().join("reports/out/latest/junit.xml")).expect("junit.xml")
    }

    /// What lies in scratch: nothing, after every run.
    pub fn leavings(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.path().join("scratch"))
            .map_or_else(|_| Vec::new(), |dir| dir.map(|e| e.expect("entry").path()).collect())
    }
}

/// The binary, in a folder, with nothing of the caller's terminal.
pub fn assay(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.current_dir(dir).env_remove("NO_COLOR").env_remove("ASSAY_LOG").stdin(Stdio::null());
    command
}

pub fn run(command: &mut Command) -> Output {
    command.output().expect("assay starts")
}

/// Everything that was said.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
