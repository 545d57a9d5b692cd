//! Stopped in the middle: teardown, reports of what was done, nothing left; and what a kill leaves is swept by the next run.

use crate::stage::{Stage, assay, text};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A plain dump that takes its time to be restored.
const SLOW: &str = "--\n-- PostgreSQL database dump\n--\n-- Dumped from database version 15.18\ncreate table t (n int);\n\
    insert into t values (1);\nselect pg_sleep(60);\n--\n-- PostgreSQL database dump complete\n--\n";

/// Starts a run and waits until it says that it is in a phase.
fn started(stage: &Stage, phase: &str) -> Child {
    let mut child = assay(stage.path()).args(["run", "-v"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("assay");
    let mut said = BufReader::new(child.stderr.take().expect("stderr")).lines().map_while(Result::ok);
    let mut before = Vec::new();
    let reached = said.by_ref().inspect(|line| before.push(line.clone())).any(|line| line.contains(phase));
    assert!(reached, "the run never came to {phase}: {before:#?}");
    // Whatever it says later must not block it.
    std::thread::spawn(move || said.for_each(drop));
    child
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("pid")).expect("pid");
    kill_process(pid, signal).expect("kill");
}

/// Waits for the end, which must come within ten seconds.
fn ended(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    let mut rest = String::new();
    child.stdout.take().expect("stdout").read_to_string(&mut rest).expect("stdout");
    let status = child.wait().expect("wait");
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    status
}

/// Processes whose working folder lies in a folder: servers and tools of a run.
fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let processes = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let inside = processes.filter(|p| std::fs::read_link(p.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder)));
    inside.map(|p| std::fs::read_to_string(p.path().join("cmdline")).unwrap_or_default()).collect()
}

#[test]
fn sigterm_and_sigint_tear_down_and_report() {
    for (phase, signal, code) in [("restore", Signal::TERM, 143), ("restore", Signal::INT, 130), ("check", Signal::TERM, 143)] {
        let stage = Stage::new();
        if phase == "restore" {
            stage.artifact("slow", SLOW);
            stage.scenario("slow", "postgres: {}\n");
        } else {
            stage.scenario(
                "codetalk",
                "postgres: {}\nchecks: [{ sql: { query: \"select 1 from pg_sleep(60)\", expect: \"= 1\" } }]\n",
            );
        }
        let mut child = started(&stage, phase);
        send(&child, signal);
        assert_eq!(ended(&mut child).code(), Some(code), "{phase}");
        let evidence = stage.evidence();
        assert_eq!(evidence["run"]["complete"], false, "{phase}");
        assert_eq!(evidence["scenarios"][0]["verdict"], "error", "a run that was stopped speaks not against the backup");
        assert_eq!(evidence["summary"]["exit_code"], code);
        assert!(roxmltree::Document::parse(&stage.junit()).is_ok());
        assert_eq!(stage.leavings(), Vec::<std::path::PathBuf>::new(), "{phase}");
        assert_eq!(processes_in(&stage.path().join("scratch")), Vec::<String>::new(), "{phase}");
    }
}

#[test]
fn the_demo_gives_up_cleanly_while_it_sets_its_stage() {
    let dir = tempfile::tempdir().expect("tempdir");
    let temporary = dir.path().join("tmp");
    std::fs::create_dir(&temporary).expect("tmp");
    for folder in [dir.path(), &temporary] {
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder, open).expect("permissions");
    }
    let mut child = assay(dir.path()).arg("demo").env("TMPDIR", &temporary).stdout(Stdio::piped()).spawn().expect("assay");
    let mut said = BufReader::new(child.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("listens at")), "the stage is being set");
    send(&child, Signal::INT);
    assert_eq!(child.wait().expect("wait").code(), Some(130));
    assert_eq!(processes_in(&temporary), Vec::<String>::new());
    let left = std::fs::read_dir(temporary.join("assay")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "scratch is empty");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let stage = Stage::new();
    stage.artifact("slow", SLOW);
    stage.scenario("slow", "postgres: {}\n");
    let mut child = started(&stage, "restore");
    send(&child, Signal::INT);
    send(&child, Signal::TERM);
    let code = ended(&mut child).code();
    assert!(matches!(code, Some(130 | 143)), "{code:?}");
    // It may have left its server; the next run removes that.
    stage.scenario("codetalk", "postgres: {}\n");
    assert_eq!(stage.assay(&["run", "codetalk"]).status.code(), Some(0));
    assert_eq!(processes_in(&stage.path().join("scratch")), Vec::<String>::new());
}

#[test]
fn the_next_run_sweeps_up_after_a_kill() {
    let stage = Stage::new();
    stage.artifact("slow", SLOW);
    stage.scenario("slow", "postgres: {}\n");
    let mut child = started(&stage, "restore");
    child.kill().expect("kill -9");
    child.wait().expect("wait");
    assert!(!stage.leavings().is_empty(), "a killed run leaves its folder");
    std::fs::remove_file(stage.path().join("scenarios/slow.yaml")).expect("remove");
    stage.scenario("codetalk", "postgres: {}\n");
    let output = stage.assay(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("was killed"), "{}", text(&output));
    assert_eq!(stage.leavings(), Vec::<std::path::PathBuf>::new());
    assert_eq!(processes_in(&stage.path().join("scratch")), Vec::<String>::new());
}

#[test]
fn a_kept_instance_answers_until_it_is_removed_as_it_says() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    let output = stage.assay(&["run", "--keep"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let evidence = stage.evidence();
    let kept = &evidence["scenarios"][0]["kept"];
    let (connect, remove) = (kept["connect"].as_str().expect("connect"), kept["remove"].as_str().expect("remove"));
    for command in [connect, remove] {
        assert!(text(&output).contains(command), "{command} is printed: {}", text(&output));
    }
    // The next run leaves it alone.
    assert_eq!(stage.assay(&["run"]).status.code(), Some(0));
    let shell = |command: &str| std::process::Command::new("sh").args(["-c", command]).output().expect("sh");
    let asked = shell(&format!("{connect} -Atc 'select count(*) from users'"));
    assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "250", "{connect}: {}", text(&asked));
    let removed = shell(remove);
    assert!(removed.status.success(), "{remove}: {}", text(&removed));
    assert_eq!(processes_in(&stage.path().join("scratch")), Vec::<String>::new());
}
