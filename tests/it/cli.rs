//! The program as its users call it: exit codes, selection, reports, wrong input.

use crate::stage::{Stage, assay, dumps, run, text};
use serde_json::Value;

const CHECKS: &str = "postgres: {}\nchecks:\n  - count: { of: tables, min: 5 }\n  - count: { of: public.messages, min: 5000 }\n  \
    - fresh: { newest: public.messages.created_at, within: 26h }\n  - sql: { query: \"select count(*) from orders where total < 0\", expect: \"= 0\" }\n";

fn scenario<'e>(evidence: &'e Value, name: &str) -> &'e Value {
    evidence["scenarios"].as_array().expect("scenarios").iter().find(|s| s["name"] == name).expect(name)
}

fn check<'e>(scenario: &'e Value, name: &str) -> &'e Value {
    let checks = scenario["checks"].as_array().expect("checks");
    checks.iter().find(|c| c["check"] == name).unwrap_or_else(|| panic!("no check {name} in {checks:#?}"))
}

#[test]
fn a_healthy_backup_is_proven_and_the_evidence_says_how() {
    let stage = Stage::new();
    stage.scenario("codetalk", CHECKS);
    let output = stage.assay(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let evidence = stage.evidence();
    let codetalk = scenario(&evidence, "codetalk");
    assert_eq!(codetalk["verdict"], "pass");
    assert_eq!(codetalk["depth"], "checked");
    let newest = dumps("codetalk").pop().expect("newest");
    assert_eq!(codetalk["artifact"]["key"], newest.file_name().expect("name").to_string_lossy().as_ref());
    let sha256 =
        openssl::hash::hash(openssl::hash::MessageDigest::sha256(), &std::fs::read(&newest).expect("dump")).expect("sha256");
    assert_eq!(codetalk["artifact"]["sha256"], assay::units::hex(&sha256));
    let rows = |table: &str| {
        let groups = codetalk["censuses"][0]["groups"].as_array().expect("groups");
        groups.iter().find(|g| g["name"] == table).map(|g| g["count"].clone()).expect(table)
    };
    assert_eq!(rows("public.messages"), 6300, "seven days of 900 messages");
    assert_eq!(rows("public.users"), 250);
    assert!(codetalk["rto_seconds"].as_f64().expect("rto") > 0.0);
    assert_eq!(stage.leavings(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_first_backup_that_is_bad_ends_the_run_with_one() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\nchecks: [{ count: { of: public.users, min: 251 } }]\n");
    let output = stage.assay(&["run"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let evidence = stage.evidence();
    let count = check(scenario(&evidence, "codetalk"), "count public.users");
    assert_eq!((count["status"].as_str(), count["measured"].as_str()), (Some("fail"), Some("250")));
}

#[test]
fn a_cut_dump_is_the_backups_fault_and_a_missing_store_is_not() {
    let stage = Stage::new();
    let whole = std::fs::read(dumps("codetalk").pop().expect("newest")).expect("dump");
    stage.artifact("cut", &whole[..whole.len() / 2]);
    stage.scenario("cut", "postgres: {}\n");
    assert_eq!(stage.assay(&["run", "cut"]).status.code(), Some(1));
    stage.write("assay.yaml", "stores:\n  here: { dir: elsewhere }\nscratch: { dir: scratch }\n");
    let output = stage.assay(&["run", "cut"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("elsewhere"), "{}", text(&output));
}

#[test]
fn what_selects_nothing_runs_nothing() {
    let stage = Stage::new();
    stage.scenario("codetalk", "tags: [database]\npostgres: {}\n");
    for (args, code, says) in [
        (vec!["run", "codetlak"], 4, "`codetalk`"),
        (vec!["run", "codetalk", "typo"], 2, "typo"),
        (vec!["run", "--tag", "nosuch"], 4, "nosuch"),
        (vec!["run", "scenarios/none.yaml"], 2, "none.yaml"),
        (vec!["run", "--jobs", "0"], 2, "--jobs"),
        (vec!["run", "--at", "yesterday"], 2, "2026-11-01"),
        (vec!["frobnicate"], 2, "frobnicate"),
    ] {
        let output = stage.assay(&args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output));
        assert!(text(&output).contains(says), "{args:?}: {}", text(&output));
    }
    std::fs::remove_file(stage.path().join("scenarios/codetalk.yaml")).expect("remove");
    assert_eq!(stage.assay(&["run"]).status.code(), Some(4));
    assert_eq!(stage.assay(&["validate"]).status.code(), Some(4));
}

#[test]
fn names_globs_tags_and_paths_select() {
    let stage = Stage::new();
    stage.scenario("codetalk", "tags: [database]\npostgres: {}\n");
    stage.scenario("bookmarked", "tags: [database, small]\npostgres: {}\n");
    for (args, listed) in [
        (vec!["list", "code*"], vec!["codetalk"]),
        (vec!["list", "small"], vec!["bookmarked"]),
        (vec!["list", "--tag", "database"], vec!["bookmarked", "codetalk"]),
        (vec!["list", "scenarios/codetalk.yaml"], vec!["codetalk"]),
        (vec!["list", "scenarios", "bookmarked"], vec!["bookmarked"]),
    ] {
        let output = stage.assay(&args);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        for name in ["bookmarked", "codetalk"] {
            assert_eq!(shown.contains(name), listed.contains(&name), "{args:?}: {shown}");
        }
    }
}

#[test]
fn an_older_artifact_is_taken_by_key_and_by_time() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    let third = dumps("codetalk")[2].file_name().expect("name").to_string_lossy().into_owned();
    let stamp = &third["codetalk-".len()..third.len() - ".dump".len()];
    let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", stamp).expect("time").strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    for args in [["run", "--artifact", third.as_str()], ["run", "--at", time.as_str()]] {
        let output = stage.assay(&args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output));
        assert_eq!(scenario(&stage.evidence(), "codetalk")["artifact"]["key"], third.as_str(), "{args:?}");
    }
    for (args, says) in
        [(["run", "--artifact", "nosuch.dump"], "nosuch.dump"), (["run", "--at", "2020-01-01"], "the oldest is of")]
    {
        let output = stage.assay(&args);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {}", text(&output));
        assert!(text(&output).contains(says), "{args:?}: {}", text(&output));
    }
    // Asked for on purpose, an old backup is not judged by what a disaster today would lose.
    stage.scenario("codetalk", "postgres: {}\nobjectives: { rpo: 1h }\n");
    assert_eq!(stage.assay(&["run", "--artifact", third.as_str()]).status.code(), Some(0));
    assert_eq!(stage.assay(&["run"]).status.code(), Some(1));
}

#[test]
fn one_key_is_the_artifact_of_one_scenario() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    stage.scenario("other", "postgres: {}\n");
    let key = dumps("codetalk").pop().expect("newest").file_name().expect("name").to_string_lossy().into_owned();
    let output = stage.assay(&["run", "--artifact", &key]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(stage.evidence()["summary"]["scenarios"], 1);
    let output = stage.assay(&["run", "--artifact", "nobodys.dump"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

#[test]
fn the_printed_evidence_is_the_written_one() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    let output = stage.assay(&["run", "--format", "json", "--quiet"]);
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON alone on stdout");
    assert_eq!(printed, stage.evidence());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn an_empty_database_passes_only_when_that_is_allowed() {
    let stage = Stage::new();
    stage.artifact(
        "empty",
        "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.18\n-- Dumped by pg_dump version 15.18\n\n\
        SET client_encoding = 'UTF8';\n\n--\n-- PostgreSQL database dump complete\n--\n\n",
    );
    stage.scenario("empty", "postgres: {}\n");
    let output = stage.assay(&["run"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("allow_empty"), "{}", text(&output));
    stage.scenario("empty", "postgres: { allow_empty: true }\n");
    let output = stage.assay(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let evidence = stage.evidence();
    let restored = check(scenario(&evidence, "empty"), "something restored");
    assert!(restored["message"].as_str().expect("message").contains("restore mechanics verified"));
}

#[test]
fn fail_fast_and_deny_warnings() {
    let stage = Stage::new();
    stage.artifact("a-bad", "<html>not a dump</html>");
    stage.scenario("a-bad", "postgres: {}\n");
    stage.scenario("codetalk", "postgres: {}\n");
    let output = stage.assay(&["run", "--fail-fast"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(scenario(&stage.evidence(), "codetalk")["verdict"], "error", "what did not run is not proven");
    assert_eq!(stage.evidence()["run"]["complete"], false);
    assert!(text(&output).contains("1 scenario not reached: codetalk"), "{}", text(&output));
    let warns = "name: old\nartifact: { store: here, key: \"codetalk-{timestamp}.dump\", age: { warn: 1m } }\npostgres: {}\n";
    stage.write("scenarios/old.yaml", warns);
    assert_eq!(stage.assay(&["run", "old"]).status.code(), Some(0));
    assert_eq!(stage.assay(&["run", "old", "--deny-warnings"]).status.code(), Some(1));
}

#[test]
fn several_at_once_come_to_the_same() {
    let stage = Stage::new();
    for name in ["one", "two", "three"] {
        stage.artifact(name, std::fs::read(dumps("codetalk").pop().expect("newest")).expect("dump"));
        stage.scenario(name, CHECKS);
    }
    let output = stage.assay(&["run", "--jobs", "3"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let evidence = stage.evidence();
    let names: Vec<_> = evidence["scenarios"].as_array().expect("scenarios").iter().map(|s| s["name"].clone()).collect();
    assert_eq!(names, ["one", "three", "two"], "in the order in which they were selected");
}

#[test]
fn colours_are_for_terminals_and_schemas_for_editors() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    assert!(!text(&stage.assay(&["run"])).contains('\x1b'));
    for of in ["scenario", "settings", "evidence"] {
        let schema: Value = serde_json::from_slice(&stage.assay(&["schema", of]).stdout).expect(of);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{of}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&stage.assay(&["completions", shell])).contains("assay"), "{shell}");
    }
}

#[test]
fn reports_that_cannot_be_written_are_never_green() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    stage.write("taken", "a file");
    let output = stage.assay(&["run", "--out", "taken/reports"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
}

#[test]
fn a_run_that_cannot_begin_does_not_leave_the_one_before_as_the_latest() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    assert_eq!(stage.assay(&["run"]).status.code(), Some(0));
    stage.write("taken", "a file");
    stage.write("assay.yaml", "stores:\n  here: { dir: backups }\nscratch: { dir: taken }\n");
    let output = stage.assay(&["run"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert_eq!(stage.evidence()["scenarios"][0]["verdict"], "error");
    assert!(stage.junit().contains("taken"), "{}", stage.junit());
}

#[test]
fn what_cannot_be_printed_is_not_green() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    for args in [vec!["run", "--format", "json"], vec!["run"], vec!["list"], vec!["schema"], vec!["completions", "bash"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
        let status = assay(stage.path()).args(&args).stdout(full).stderr(std::process::Stdio::null()).status().expect("assay");
        assert_eq!(status.code(), Some(3), "{args:?}");
    }
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let status = assay(stage.path()).args(["run", "nosuch"]).stderr(full).status().expect("assay");
    assert_eq!(status.code(), Some(4), "no panic over a stderr that is full");
}

/// A store that tells a stranger which key it was shown. It ends with the test binary.
fn chatty_store(key: &'static str) -> u16 {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().take(100).flatten() {
            let head = BufReader::new(&socket).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let body = format!("<Error><Code>AccessDenied</Code><Message>no rights for {key}</Message></Error>");
            let _ = write!(socket, "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    port
}

#[test]
fn keys_that_the_sdk_finds_by_itself_are_secrets_too() {
    const KEY: &str = "AKIAFOUNDBYTHECHAIN7";
    let stage = Stage::new();
    let endpoint = format!("http://127.0.0.1:{}", chatty_store(KEY));
    let store = format!(
        "stores:\n  here: {{ s3: {{ bucket: b, endpoint: \"{endpoint}\", path_style: true }} }}\nscratch: {{ dir: scratch }}\n"
    );
    stage.write("assay.yaml", store);
    stage.scenario("codetalk", "postgres: {}\n");
    for command in ["list", "doctor", "run"] {
        let mut assay = assay(stage.path());
        assay.args([command, "-vv"]).env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", "hidden-hidden-hidden");
        let said = text(&run(&mut assay));
        assert!(said.contains("no rights for ***"), "{command}: {said}");
        for secret in [KEY, "hidden-hidden-hidden"] {
            assert!(!said.contains(secret), "{command} shows {secret}");
        }
    }
    assert!(!stage.evidence().to_string().contains(KEY));
}

#[test]
fn an_empty_mount_point_is_not_a_missing_backup() {
    let stage = Stage::new();
    std::fs::create_dir(stage.path().join("mnt")).expect("mnt");
    stage.write("assay.yaml", "stores:\n  here: { dir: mnt }\nscratch: { dir: scratch }\n");
    stage.scenario("codetalk", "postgres: {}\n");
    let output = stage.assay(&["run"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("mounted"), "{}", text(&output));
}

#[test]
fn a_layer_that_does_not_fit_is_the_scenarios_fault() {
    let stage = Stage::new();
    for (layer, says) in [("gzip", "it is not gzip"), ("tar: { member: x }", "it is not a tar archive")] {
        stage.scenario("codetalk", &format!("open: [{{ {layer} }}]\npostgres: {{}}\n").replace("{ gzip }", "gzip"));
        let output = stage.assay(&["run"]);
        assert_eq!(output.status.code(), Some(3), "{layer}: {}", text(&output));
        assert!(text(&output).contains(says), "{layer}: {}", text(&output));
    }
}

#[test]
fn the_doctor_names_what_is_wrong() {
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    let output = stage.assay(&["doctor"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for there in ["postgres", "scratch", "store here", "7 objects"] {
        assert!(text(&output).contains(there), "{there}: {}", text(&output));
    }
    stage.write("assay.yaml", "stores:\n  here: { dir: elsewhere }\nscratch: { dir: scratch }\n");
    let output = stage.assay(&["doctor"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("WRONG  store here"), "{}", text(&output));
    let key = "open: [{ age: { passphrase: { env: ASSAY_TEST_NOT_SET } } }]\npostgres: {}\n";
    stage.write(
        "assay.yaml",
        "stores:\n  here: { dir: backups }\nscratch: { dir: scratch }\nruntime: { local: { postgres: { bin: /nope } } }\n",
    );
    stage.scenario("codetalk", key);
    let output = stage.assay(&["doctor"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    for wrong in ["WRONG  postgres", "/nope", "WRONG  key of codetalk", "ASSAY_TEST_NOT_SET"] {
        assert!(text(&output).contains(wrong), "{wrong}: {}", text(&output));
    }
}

#[test]
fn the_demo_leaves_a_store_to_try_things_on() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().expect("tempdir");
    let mut demo = assay(dir.path())
        .args(["demo", "--serve"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("assay demo");
    let lines = BufReader::new(demo.stdout.take().expect("stdout")).lines();
    let served = lines.map_while(Result::ok).any(|line| line.contains("Ctrl-C ends it"));
    let home = dir.path().join("assay-demo");
    let (all, codetalk) = (run(assay(&home).arg("run")), run(assay(&home).args(["run", "codetalk"])));
    demo.kill().expect("kill");
    demo.wait().expect("wait");
    assert!(served, "the demo says that it serves");
    assert_eq!(all.status.code(), Some(1), "{}", text(&all));
    assert_eq!(codetalk.status.code(), Some(0), "{}", text(&codetalk));
    let secret = std::fs::read_to_string(home.join("secret-access-key")).expect("key");
    assert!(!text(&all).contains(&secret), "a secret in the output");
}
