//! A run that is killed leaves things behind: the next one removes them, and nothing else.

use crate::lab::{open_folder, recipe, runtime};
use crate::runtime::{assert_gone, lives, pid_of};
use assay::runtime::local::{LocalRuntime, Scratch, sweep};
use assay::scenario::RuntimeSettings;
use assay::secret::Secrets;
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    let own = std::env::current_exe().expect("this program");
    // Where every user can reach it.
    std::fs::hard_link(&own, &program).or_else(|_| std::fs::copy(&own, &program).map(|_| ())).expect("copy");
    let mut command = Command::new(program);
    command.args(["--exact", "sweep::helper", "--nocapture"]).env(HELPER, format!("{} {what}", base.display()));
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
    let password = std::fs::read_to_string(format!("{}.password", told.room.display())).expect("the password");
    let mut config = tokio_postgres::Config::new();
    config.host_path(told.room.join("s")).user("postgres").password(password).dbname("postgres");
    drop(config.connect(tokio_postgres::NoTls).await.expect("a person can connect"));
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
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
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
    let mut command = Command::new("sleep");
    let mut sleep = command.arg("60").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sleep");
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
