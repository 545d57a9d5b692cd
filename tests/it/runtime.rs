//! Instances come up, and go away whatever happens: nothing of them is left, and nothing else is touched.

use crate::lab::{Lab, Server, connect, open_folder, recipe, runtime};
use assay::error::{Blame, Error, Result};
use assay::runtime::local::{LocalRuntime, Scratch, sweep};
use assay::runtime::{Call, Installation, Limits, Place, Recipe};
use assay::scenario::RuntimeSettings;
use assay::secret::{Secret, Secrets};
use async_trait::async_trait;
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The processes that work in a folder or run from it.
fn processes_in(folder: &Path) -> Vec<i32> {
    let pids = Path::new("/proc").read_dir().expect("/proc").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))).collect()
}

fn lives(pid: u32) -> bool {
    // A child that ended and was not waited for yet has no memory any more.
    std::fs::read_to_string(format!("/proc/{pid}/statm")).is_ok_and(|statm| !statm.starts_with("0 "))
}

/// System V segments that a process made: `ipcs -m -p`.
fn segments_of(pid: u32) -> usize {
    let table = std::fs::read_to_string("/proc/sysvipc/shm").expect("the table of segments");
    table.lines().skip(1).filter(|line| line.split_whitespace().nth(4) == Some(&pid.to_string())).count()
}

fn assert_gone(pid: u32, room: &Path) {
    assert!(!lives(pid), "the server lives");
    assert_eq!(segments_of(pid), 0, "shared memory is left");
    assert_eq!(processes_in(room), Vec::<i32>::new(), "processes are left");
}

#[tokio::test]
async fn a_stopped_server_leaves_nothing_behind() {
    let lab = Lab::new();
    let Server { instance, room } = lab.start().await;
    let (pid, path) = (instance.pid(), room.path().to_path_buf());
    assert!(lives(pid) && segments_of(pid) > 0 && !processes_in(&path).is_empty(), "what is asserted below is there now");
    assert_eq!(instance.isolation().user, lab.runtime.user().name());
    instance.stop().await.expect("a clean end");
    assert_gone(pid, &path);
    room.remove().expect("removed");
    assert!(!path.exists());
    assert_eq!(lab.scratch.dir().read_dir().expect("the run's folder").count(), 1, "only the owner's file is left");
    let base = lab.base().to_path_buf();
    drop(lab);
    assert!(!base.exists());
}

#[tokio::test]
async fn a_dropped_server_ends() {
    let lab = Lab::new();
    let Server { instance, room } = lab.start().await;
    let pid = instance.pid();
    drop(instance);
    assert_gone(pid, room.path());
}

#[tokio::test]
async fn a_panic_ends_the_server() {
    let lab = Lab::new();
    let Server { instance, room } = lab.start().await;
    let pid = instance.pid();
    let task = tokio::spawn(async move {
        assert_eq!(instance.pid(), 0, "on purpose");
    });
    assert!(task.await.expect_err("a panic").is_panic());
    assert_gone(pid, room.path());
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing_behind() {
    let lab = Lab::new();
    for millis in [1, 5, 20, 40, 60, 80, 100, 120] {
        let room = lab.scratch.room("given up").expect("room");
        let start = recipe();
        let given_up = tokio::time::timeout(Duration::from_millis(millis), lab.runtime.start(&*start, room.path())).await;
        drop(given_up);
        assert_eq!(processes_in(room.path()), Vec::<i32>::new(), "given up after {millis} ms");
        let path = room.path().to_path_buf();
        room.remove().expect("removed");
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn what_restored_code_started_ends_with_the_server() {
    let lab = Lab::new();
    let Server { instance, room } = lab.start().await;
    let client = connect(&instance, "postgres").await;
    client.batch_execute("COPY (SELECT 1) TO PROGRAM 'setsid sleep 600 > /dev/null 2>&1 &'").await.expect("a daemon");
    while !processes_in(room.path()).iter().any(|pid| comm(*pid) == "sleep") {
        tokio::task::yield_now().await;
    }
    instance.stop().await.expect_err("something had to be killed");
    assert_eq!(processes_in(room.path()), Vec::<i32>::new());
}

fn comm(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

#[tokio::test]
async fn a_server_that_died_is_told_at_the_end() {
    let lab = Lab::new();
    let Server { instance, room: _room } = lab.start().await;
    rustix::process::kill_process(pid_of(instance.pid()), Signal::QUIT).expect("quit");
    while lives(instance.pid()) {
        tokio::task::yield_now().await;
    }
    let error = instance.stop().await.expect_err("it had ended");
    assert!(error.message.starts_with("the postgres server had ended before it was told to"), "{error:?}");
    assert!(error.evidence.iter().any(|line| line.contains("immediate shutdown")), "{error:?}");
}

/// The real recipe with one thing broken.
struct Broken {
    real: Box<dyn Recipe>,
    settings: &'static str,
}

#[async_trait]
impl Recipe for Broken {
    fn engine(&self) -> &'static str {
        self.real.engine()
    }
    fn server_program(&self) -> &'static str {
        self.real.server_program()
    }
    fn usual_places(&self) -> &'static [&'static str] {
        self.real.usual_places()
    }
    fn choose<'f>(&self, found: &'f [Installation]) -> Result<&'f Installation> {
        self.real.choose(found)
    }
    fn initialise(&self, place: &Place, password_file: &Path) -> Vec<Call> {
        self.real.initialise(place, password_file)
    }
    fn configure(&self, place: &Place, _: &Limits) -> Result<()> {
        std::fs::write(place.data.join("postgresql.conf"), self.settings).map_err(Error::from)
    }
    fn server(&self, place: &Place) -> Call {
        self.real.server(place)
    }
    fn socket_name(&self) -> &'static str {
        self.real.socket_name()
    }
    fn stop_signal(&self) -> Signal {
        self.real.stop_signal()
    }
    async fn ready(&self, place: &Place, cached: &Secret, password: &Secret) -> Result<()> {
        self.real.ready(place, cached, password).await
    }
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let lab = Lab::new();
    let room = lab.scratch.room("broken").expect("room");
    let broken = Broken { real: recipe(), settings: "no_such_setting = on\n" };
    let error = lab.runtime.start(&broken, room.path()).await.expect_err("it cannot start");
    assert_eq!(error.blame, Blame::Harness);
    assert!(error.message.starts_with("the postgres server ended before it was ready"), "{error:?}");
    assert!(error.evidence.iter().any(|line| line.contains("no_such_setting")), "{error:?}");
}

#[tokio::test]
async fn a_cold_cache_serves_several_at_once_and_none_is_needed() {
    let lab = Lab::new();
    let cache = lab.base().join("cache");
    let cold = runtime().with_cache(Some(cache.clone()));
    let start = async |runtime: &LocalRuntime| {
        let room = lab.scratch.room("one").expect("room");
        let instance = runtime.start(&*recipe(), room.path()).await.expect("a server");
        connect(&instance, "postgres").await;
        instance.stop().await.expect("a clean end");
    };
    tokio::join!(start(&cold), start(&cold), start(&cold));
    let entries: Vec<PathBuf> = cache.read_dir().expect("cache").map(|entry| entry.expect("entry").path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    let password = std::fs::metadata(entries[0].join("entry.json")).expect("entry").permissions().mode() & 0o777;
    assert_eq!(password, 0o600);

    std::fs::write(entries[0].join("data/PG_VERSION"), "damaged").expect("damage");
    start(&cold).await;
    assert_ne!(std::fs::read_to_string(entries[0].join("data/PG_VERSION")).expect("made anew"), "damaged");

    std::fs::write(lab.base().join("file"), "").expect("a file in the way");
    start(&runtime().with_cache(Some(lab.base().join("file/cache")))).await;
    start(&runtime().with_cache(None)).await;
}

#[tokio::test]
async fn scratch_where_the_servers_user_cannot_go_is_refused() {
    let base = open_folder();
    let closed = base.path().join("closed");
    std::fs::create_dir(&closed).expect("mkdir");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    let made = Scratch::create(&closed, "run", runtime().user());
    if rustix::process::geteuid().is_root() {
        let error = made.map(|_| ()).expect_err("out of reach");
        assert!(error.message.contains("out of reach for the user") && error.hint.is_some(), "{error:?}");
        assert_eq!(closed.read_dir().expect("closed").count(), 0, "nothing is left in it");
    } else {
        // The servers' user is our own, which may go there.
        made.map(|_| ()).expect("a scratch folder");
    }
}

#[tokio::test]
async fn a_socket_path_that_is_too_long_is_refused() {
    let base = open_folder();
    let long = base.path().join("x".repeat(100));
    let scratch = Scratch::create(&long, "run", runtime().user()).expect("scratch");
    let room = scratch.room("one").expect("room");
    let error = runtime().start(&*recipe(), room.path()).await.expect_err("too long");
    assert!(error.message.starts_with("the path of the server's socket has"), "{error:?}");
}

/// The variable that makes [`helper`] do something: the scratch folder, then `keep` or `run`.
const HELPER: &str = "ASSAY_TEST_HELPER";

/// Not a test by itself: another process, which starts a server and is then killed.
#[tokio::test]
async fn helper() {
    let Ok(task) = std::env::var(HELPER) else { return };
    let (base, what) = task.split_once(' ').expect("a folder and a task");
    let settings = RuntimeSettings { cpus: Some(1), memory: Some(256 << 20), ..RuntimeSettings::default() };
    let runtime = LocalRuntime::new(&settings, &Secrets::default()).expect("runtime");
    let runtime = runtime.with_cache(Some(Path::new(base).join("cache")));
    let scratch = Scratch::create(&Path::new(base).join("scratch"), "killed", runtime.user()).expect("scratch");
    let room = scratch.room("one").expect("room");
    let instance = runtime.start(&*recipe(), room.path()).await.expect("a server");
    let pid = instance.pid();
    let remove = if what == "keep" { instance.keep().expect("kept").remove } else { stay(instance) };
    let told = format!("{pid}\n{}\n{remove}\n", room.path().display());
    std::fs::write(Path::new(base).join("draft"), told).expect("tell");
    std::fs::rename(Path::new(base).join("draft"), Path::new(base).join("told")).expect("tell");
    std::thread::sleep(Duration::from_mins(1));
}

/// Keeps the instance alive until the process is killed.
fn stay(instance: assay::runtime::local::Instance) -> String {
    std::mem::forget(instance);
    String::new()
}

struct Told {
    helper: Child,
    server: u32,
    room: PathBuf,
    remove: String,
}

/// Starts the helper and waits until its server is up.
async fn start_helper(base: &Path, what: &str, adjust: impl FnOnce(&mut Command)) -> Told {
    let program = base.join("helper");
    std::fs::copy(std::env::current_exe().expect("this program"), &program).expect("copy");
    let mut command = Command::new(program);
    command.args(["--exact", "runtime::helper", "--nocapture"]).env(HELPER, format!("{} {what}", base.display()));
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    adjust(&mut command);
    let mut helper = command.spawn().expect("helper");
    let until = Instant::now() + Duration::from_secs(30);
    while !base.join("told").exists() {
        assert!(helper.try_wait().expect("helper").is_none() && Instant::now() < until, "the helper told nothing");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = std::fs::read_to_string(base.join("told")).expect("told");
    let mut lines = told.lines();
    let mut line = || lines.next().expect("a line").to_owned();
    Told { helper, server: line().parse().expect("a number"), room: line().into(), remove: line() }
}

#[tokio::test]
async fn what_a_killed_run_left_is_removed_by_the_next_one() {
    let base = open_folder();
    let mut told = start_helper(base.path(), "run", |_| ()).await;
    let scratch = base.path().join("scratch");
    assert_eq!(sweep(&scratch), [], "a run that lives is left alone");
    assert!(lives(told.server));

    told.helper.kill().expect("kill -9");
    told.helper.wait().expect("wait");
    assert!(lives(told.server) && told.room.exists(), "it left its server behind");
    let swept = sweep(&scratch);
    assert_eq!(swept.len(), 1);
    assert_eq!((swept[0].run.as_str(), swept[0].failure.as_deref()), ("killed", None));
    assert_gone(told.server, &told.room);
    assert_eq!(scratch.read_dir().expect("scratch").count(), 0);
    assert_eq!(sweep(&scratch), []);
}

#[tokio::test]
async fn a_kept_instance_is_left_alone_until_a_person_removes_it() {
    let base = open_folder();
    let mut told = start_helper(base.path(), "keep", |_| ()).await;
    told.helper.kill().expect("kill -9");
    told.helper.wait().expect("wait");
    assert_eq!(sweep(&base.path().join("scratch")), []);
    assert!(lives(told.server) && told.room.exists(), "it is kept");
    let removed = Command::new("sh").args(["-c", &told.remove]).status().expect("sh");
    assert!(removed.success());
    assert_gone(told.server, &told.room);
    assert!(!told.room.exists());
    assert_eq!(sweep(&base.path().join("scratch")).len(), 1, "the rest goes with the next run");
    assert_eq!(base.path().join("scratch").read_dir().expect("scratch").count(), 0);
}

#[tokio::test]
async fn an_ordinary_user_needs_no_rights() {
    let base = open_folder();
    // A real one: the server looks its name up.
    let user = runtime().user().uid();
    let told = start_helper(base.path(), "run", |command| {
        if rustix::process::geteuid().is_root() {
            // As root, become somebody without rights first.
            std::fs::set_permissions(base.path(), std::fs::Permissions::from_mode(0o777)).expect("chmod");
            command.uid(user).gid(user).env("HOME", base.path());
        }
    });
    let mut told = told.await;
    assert!(lives(told.server));
    told.helper.kill().expect("kill -9");
    told.helper.wait().expect("wait");
    let owner = std::os::unix::fs::MetadataExt::uid(&told.room.metadata().expect("room"));
    if rustix::process::geteuid().is_root() {
        assert_eq!(owner, user);
        assert_eq!(sweep(&base.path().join("scratch")), [], "the run of another user is left alone");
        rustix::process::kill_process(pid_of(told.server), Signal::QUIT).expect("quit");
    } else {
        assert_eq!(sweep(&base.path().join("scratch")).len(), 1);
    }
    while lives(told.server) {
        tokio::task::yield_now().await;
    }
}

fn pid_of(number: u32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(i32::try_from(number).expect("a number")).expect("a number")
}

/// A run's folder whose owner is gone, with one room for which `process` was started.
fn dead_run(base: &Path, name: &str, process: u32, start: u64) -> PathBuf {
    let room = base.join(name).join("1-one");
    std::fs::create_dir_all(&room).expect("mkdir");
    let namespace = std::fs::read_link("/proc/self/ns/pid").expect("namespace");
    let owner = serde_json::json!({
        "process": { "pid": std::process::id(), "start": 1 }, "namespace": namespace, "run": name, "created": "2026-11-21T00:00:00Z"
    });
    std::fs::write(base.join(name).join("owner.json"), owner.to_string()).expect("owner");
    let started = serde_json::json!({ "pid": process, "start": start, "program": "sleep", "signal": 15 });
    std::fs::write(base.join(name).join("1-one.pids"), format!("{started}\n")).expect("pids");
    room
}

fn start_of(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let after = stat.rsplit_once(") ").expect("a name").1;
    after.split_whitespace().nth(19).expect("field 22").parse().expect("a number")
}

#[test]
fn a_number_that_is_used_again_is_not_touched() {
    let base = open_folder();
    let mut sleep = Command::new("sleep").arg("600").spawn().expect("sleep");
    let start = start_of(sleep.id());
    dead_run(base.path(), "recycled", sleep.id(), start - 1);
    assert_eq!(sweep(base.path()).len(), 1);
    assert!(sleep.try_wait().expect("sleep").is_none(), "it is another process");
    dead_run(base.path(), "the-same", sleep.id(), start);
    assert_eq!(sweep(base.path()).len(), 1);
    assert!(sleep.wait().expect("sleep").code().is_none(), "it was ended by a signal");
}

#[test]
fn what_is_not_ours_is_not_touched() {
    let base = open_folder();
    let elsewhere = open_folder();
    let victim = elsewhere.path().join("victim");
    std::fs::create_dir(&victim).expect("mkdir");
    std::fs::write(victim.join("file"), "precious").expect("write");
    // A folder of somebody, a file, a link to a dead run, and a dead run with a link in its room.
    std::fs::create_dir(base.path().join("foreign")).expect("mkdir");
    std::fs::write(base.path().join("file"), "").expect("write");
    dead_run(elsewhere.path(), "linked", std::process::id(), 1);
    std::os::unix::fs::symlink(elsewhere.path().join("linked"), base.path().join("link")).expect("symlink");
    let room = dead_run(base.path(), "dead", std::process::id(), 1);
    std::os::unix::fs::symlink(&victim, room.join("link")).expect("symlink");
    std::os::unix::fs::symlink(&victim, base.path().join("dead/2-link")).expect("symlink");
    let half = dead_run(base.path(), "half", std::process::id(), 1);
    std::fs::write(base.path().join("half/owner.json"), "{").expect("half written");
    assert_eq!(sweep(base.path()).iter().map(|swept| swept.run.as_str()).collect::<Vec<_>>(), ["dead"]);
    assert_eq!(std::fs::read_to_string(victim.join("file")).expect("victim"), "precious");
    for there in ["foreign", "file", "link"] {
        assert!(base.path().join(there).exists(), "{there}");
    }
    assert!(elsewhere.path().join("linked/owner.json").exists() && half.exists() && !base.path().join("dead").exists());
}
