//! Instances come up, and go away whatever happens: nothing of them is left, and nothing else is touched.

use crate::lab::{Lab, Server, connect, open_folder, recipe, runtime};
use assay::error::{Blame, Error, Result};
use assay::runtime::local::{LocalRuntime, Scratch};
use assay::runtime::{Call, Installation, Limits, Place, Recipe};
use assay::secret::Secret;
use async_trait::async_trait;
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The processes that work in a folder or run from it.
fn processes_in(folder: &Path) -> Vec<i32> {
    let pids = Path::new("/proc").read_dir().expect("/proc").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))).collect()
}

pub fn lives(pid: u32) -> bool {
    // A child that ended and was not waited for yet is a zombie.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

/// System V segments that a process made: `ipcs -m -p`.
fn segments_of(pid: u32) -> usize {
    let table = std::fs::read_to_string("/proc/sysvipc/shm").expect("the table of segments");
    table.lines().skip(1).filter(|line| line.split_whitespace().nth(4) == Some(&pid.to_string())).count()
}

pub fn pid_of(number: u32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(i32::try_from(number).expect("a number")).expect("a number")
}

pub fn assert_gone(pid: u32, room: &Path) {
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
    // With a cache, and in the middle of making a data folder without one.
    let (warm, cold) = (lab.runtime.clone(), runtime().with_cache(None));
    let warm = [1, 20, 40, 50, 60, 70, 80].map(|millis| (&warm, millis));
    for (runtime, millis) in warm.into_iter().chain([(&cold, 50), (&cold, 200)]) {
        let room = lab.scratch.room("given up").expect("room");
        let recipe = recipe();
        let given_up = tokio::time::timeout(Duration::from_millis(millis), runtime.start(&*recipe, room.path())).await;
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
    client
        .batch_execute("COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; setsid sleep 60 > /dev/null 2>&1 &'")
        .await
        .expect("a daemon");
    while !processes_in(room.path()).iter().any(|pid| comm(*pid) == "sleep") {
        tokio::time::sleep(Duration::from_millis(2)).await;
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
        tokio::time::sleep(Duration::from_millis(2)).await;
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
    tokio::join!(start(&cold), start(&cold));
    let entries: Vec<PathBuf> = cache.read_dir().expect("cache").map(|entry| entry.expect("entry").path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    let password = std::fs::metadata(entries[0].join("entry.json")).expect("entry").permissions().mode() & 0o777;
    assert_eq!(password, 0o600);

    std::fs::write(entries[0].join("data/PG_VERSION"), "damaged").expect("damage");
    start(&cold).await;
    assert_ne!(std::fs::read_to_string(entries[0].join("data/PG_VERSION")).expect("made anew"), "damaged");

    std::fs::write(lab.base().join("file"), "").expect("a file in the way");
    start(&runtime().with_cache(Some(lab.base().join("file/cache")))).await;
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
