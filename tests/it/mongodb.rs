//! Real archives through the real tools: healthy ones come back whole, broken ones are blamed on the right one.

use crate::mongo_lab::{MongoLab, subject};
use crate::mongoarchive::writer::{Doc, Writer, metadata};
#[cfg(feature = "demo")]
use crate::stage::{Stage, assay, run, text};
use assay::check::Status::{self, Fail, Pass};
use assay::check::{expect::Expect, validate};
use assay::error::Blame;
use assay::scenario::{QueryCheck, Question};
use assay::subject::Subject;
use assay::subject::mongodb::{MongodbSpec, Renaming};
use mongodb::bson::{Bson, doc};
use std::time::Duration;

/// What a restore without a finding says.
const GOOD: [(&str, Status); 3] = [("restore", Pass), ("documents restored", Pass), ("indexes restored", Pass)];

#[tokio::test]
async fn archives_of_both_tools_come_back_whole() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    source.fill("shop", "users", 300).await;
    source.fill("shop", "orders", 2000).await;
    source.fill("other-db", "with.dots", 1).await;
    source.index("shop", "users", doc! { "email": 1 }, true).await;
    source.index("shop", "orders", doc! { "name": 1, "made": -1 }, false).await;
    for (tools, options) in [(&lab.means.tools, &[][..]), (&lab.means.old_tools, &[]), (&lab.means.tools, &["-j", "1"])] {
        let archive = source.dump_by(tools, options);
        let restore = lab.restore(&archive, &MongodbSpec::default()).await.expect("a restore");
        assert_eq!(restore.outcomes(), GOOD, "{:?}", restore.restored);
        let census = restore.census(&[("shop.users", "made"), ("shop.users", "name"), ("other-db.with.dots", "_id")]).await;
        let counts: Vec<(&str, u64)> = census.groups.iter().map(|group| (group.name.as_str(), group.count)).collect();
        assert_eq!(counts, [("other-db.with.dots", 1), ("shop.orders", 2000), ("shop.users", 300)]);
        let times: Vec<_> =
            census.group("shop.users").expect("users").newest.iter().map(|n| n.time.map(|t| t.to_string())).collect();
        assert_eq!(times, [Some("2026-01-01T00:04:59Z".to_owned()), None]);
        // The archive's own bytes tell the same without a server.
        let artifact = restore.surveyed.census.as_ref().expect("an archive's census");
        assert_eq!(assay::census::compare(artifact, &census), []);
        let indexes =
            |census: &assay::census::Census| census.inventory.iter().find(|i| i.kind == "indexes").map(|i| i.members.clone());
        assert_eq!(indexes(artifact), indexes(&census));
        assert_eq!(restore.surveyed.outcomes.iter().map(|o| o.status).collect::<Vec<_>>(), [Pass]);
        assert_eq!(restore.intake.taken().expect("read to its end").size, archive.len() as u64);
        let tool = &restore.restored.as_ref().expect("restored").tools[0];
        assert_eq!((tool.name.as_str(), tool.version.starts_with("100.")), ("mongorestore", true), "{tool:?}");
        restore.instance.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn an_empty_database_comes_back_empty() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    let restore = lab.restore(&source.dump(&["--db=microservices"]), &MongodbSpec::default()).await.expect("a restore");
    assert_eq!(restore.outcomes(), GOOD);
    let census = restore.census(&[]).await;
    assert_eq!((census.groups.len(), census.total()), (0, 0));
    let allowed = assay::check::restored::judge(&census, true);
    assert!(allowed.status == Pass && allowed.message.starts_with("restore mechanics verified"), "{allowed:?}");
    assert_eq!(assay::check::restored::judge(&census, false).status, Fail);
}

#[tokio::test]
async fn namespaces_are_left_out_and_renamed() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    for (db, collection) in [("educationelly", "schools"), ("educationelly-graphql", "schools"), ("educationelly", "logs")] {
        source.fill(db, collection, 5).await;
    }
    let spec = MongodbSpec {
        ns_include: vec!["educationelly.*".into()],
        ns_exclude: vec!["*.logs".into()],
        renamings: vec![Renaming { from: "educationelly.*".into(), to: "copy.*_of".into() }],
        ..MongodbSpec::default()
    };
    let restore = lab.restore(&source.dump(&[]), &spec).await.expect("a restore");
    assert_eq!(restore.outcomes(), GOOD);
    let census = restore.census(&[]).await;
    let names: Vec<&str> = census.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["copy.schools_of"]);
    assert_eq!(assay::census::compare(restore.surveyed.census.as_ref().expect("a census"), &census), []);
}

#[tokio::test]
async fn the_damage_of_cut_archives_is_the_backups() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    source.fill("shop", "users", 300).await;
    let archive = source.dump(&[]);
    for kept in [archive.len() / 2, archive.len() - 1] {
        let restore = lab.restore(&archive[..kept], &MongodbSpec::default()).await.expect("a restore");
        let error = restore.restored.as_ref().expect_err("cut");
        assert_eq!(error.blame, Blame::Backup, "{error:?}");
        assert_eq!(restore.surveyed.outcomes.iter().map(|o| o.status).collect::<Vec<_>>(), [Fail]);
        assert!(restore.surveyed.census.is_none());
        // Also a damaged artifact is read to its end.
        assert_eq!(restore.intake.taken().expect("read to its end").size, kept as u64);
    }
}

/// An archive of one collection with these documents and one more index.
fn archive(documents: &[Vec<u8>], index: &str, options: &str) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), "7.0.14");
    let listed = metadata("collection", "users", options, &[("_id_", "_id")]);
    let listed = if index.is_empty() { listed } else { listed.replacen("}],\"uuid\"", &format!("}},{index}],\"uuid\""), 1) };
    writer.list("shop", "users", "collection", &listed);
    writer.terminate();
    writer.block("shop", "users", &documents.concat());
    writer.close("shop", "users");
    writer.out
}

fn user(id: i32, email: &str) -> Vec<u8> {
    Doc::new().int32("_id", id).text("email", email).done()
}

#[tokio::test]
async fn a_document_that_is_there_twice_is_found_although_the_tool_ends_well() {
    let Some(lab) = MongoLab::new() else { return };
    let twice = archive(&[user(1, "a@example.net"), user(2, "b@example.net"), user(1, "secret@example.net")], "", "");
    let restore = lab.restore(&twice, &MongodbSpec::default()).await.expect("a restore");
    let restored = restore.restored.as_ref().expect("restored");
    assert_eq!(restored.tools[0].exit, "exit status: 0");
    let outcomes = restore.outcomes();
    for bad in ["restore", "restore: duplicate key", "documents restored"] {
        assert!(outcomes.contains(&(bad, Fail)), "{bad} in {outcomes:?}");
    }
    assert_eq!(restored.outcomes[0].message, "mongorestore restored 2 documents, and 1 failed to restore");
    assert!(!format!("{restored:?}").contains("secret@"), "{restored:?}");
    // The archive's bytes are whole, and its census is not what came back.
    let artifact = restore.surveyed.census.as_ref().expect("a census");
    let differences = assay::census::compare(artifact, &restore.census(&[]).await);
    assert_eq!((differences[0].left, differences[0].right), (Some(3), Some(2)));
}

#[tokio::test]
async fn an_index_that_cannot_be_built_is_the_backups() {
    let Some(lab) = MongoLab::new() else { return };
    let unique = r#"{"v":{"$numberInt":"2"},"key":{"email":{"$numberInt":"1"}},"name":"email_1","unique":true}"#;
    let twice = archive(&[user(1, "secret@example.net"), user(2, "secret@example.net")], unique, "");
    let restore = lab.restore(&twice, &MongodbSpec::default()).await.expect("a restore");
    let outcomes = restore.outcomes();
    for bad in ["restore", "restore: index not built", "indexes restored"] {
        assert!(outcomes.contains(&(bad, Fail)), "{bad} in {outcomes:?}");
    }
    let restored = restore.restored.as_ref().expect("restored");
    assert!(!format!("{restored:?}").contains("secret@"), "{restored:?}");
    let lost = restored.outcomes.iter().find(|outcome| outcome.check == "indexes restored").expect("indexes");
    assert_eq!(lost.message, "shop.users.email_1 did not come back");
}

#[tokio::test]
async fn a_restored_server_answers_questions() {
    let Some(lab) = MongoLab::new() else { return };
    let three = archive(&[user(1, "a"), user(2, "b"), user(3, "b")], "", "");
    let restore = lab.restore(&three, &MongodbSpec::default()).await.expect("a restore");
    let restored = restore.restored.as_ref().expect("restored");
    let subject = subject(MongodbSpec::default());
    let ask = async |question: Question, timeout: Duration| {
        let expect: Expect = "= 2".parse().expect("an expectation");
        let (database, collection) = ("shop".to_owned(), "users".to_owned());
        let check = QueryCheck { name: "q".into(), database, collection, question, expect, read_concern: None, timeout };
        subject.find(restored, Some(&restore.instance), &check).await
    };
    let minute = Duration::from_mins(1);
    for (question, answer) in [
        (Question::Filter(doc! { "email": "b" }), Some("2")),
        (Question::Filter(doc! {}), Some("3")),
        (Question::Pipeline(vec![doc! { "$group": { "_id": Bson::Null, "most": { "$max": "$_id" } } }]), Some("3")),
        (Question::Pipeline(vec![doc! { "$match": { "email": "c" } }, doc! { "$project": { "email": 1 } }]), None),
    ] {
        assert_eq!(ask(question.clone(), minute).await.expect("an answer").as_deref(), answer, "{question:?}");
    }
    let wrong = ask(Question::Filter(doc! { "a": { "$no": 1 } }), minute).await.expect_err("no such operator");
    assert_eq!(wrong.blame, Blame::Scenario, "{wrong:?}");
    let late = ask(Question::Filter(doc! {}), Duration::from_nanos(1)).await.expect_err("late");
    assert_eq!(late.blame, Blame::Harness, "{late:?}");
    let validated = subject.validate(restored, Some(&restore.instance)).await;
    assert_eq!(validate::judge(validated).status, Pass);
}

/// The whole program over the pack for the portfolio: its keys, its two empty databases, and the one whose name begins another's.
#[cfg(feature = "demo")]
#[tokio::test]
async fn the_pack_for_the_portfolio_is_proven_without_any_scratch_disk() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    let filled = [("intervalai", "sessions", 3), ("educationelly", "schools", 2000), ("educationelly-graphql", "schools", 5)];
    for (db, collection, count) in filled {
        source.fill(db, collection, count).await;
    }
    let stage = stage_with(&lab, "  b2: { dir: b2 }\n");
    let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/portfolio/mongodb.yaml");
    stage.write("scenarios/mongodb.yaml", std::fs::read(pack).expect("the pack").as_slice());
    std::fs::create_dir_all(stage.path().join("b2/mongodb-backups")).expect("a folder");
    for db in ["intervalai", "educationelly", "educationelly-graphql", "microservices", "vertex-platform"] {
        // One archive a day for a month, of which the newest is read: the others only have their names and sizes.
        let archive = source.dump(&["--gzip", &format!("--db={db}")]);
        for day in 0..31 {
            let taken = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * day + 1);
            let key = format!("b2/mongodb-backups/{db}-{}.archive", taken.strftime("%Y%m%d-%H%M%S"));
            stage.write(&key, &archive);
            let file = std::fs::File::options().write(true).open(stage.path().join(&key)).expect("an archive");
            file.set_modified(taken.into()).expect("its time");
        }
    }
    let watched = watch(stage.path().join("scratch"));
    let run = stage.assay(&["run", "mongodb"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run));
    assert_eq!(watched.finish(), 0, "bytes in scratch besides the server's own data");
    let junit = stage.junit();
    assert_eq!(junit.matches("<testsuite ").count(), 5, "{junit}");
    assert_eq!(junit.matches("restore mechanics verified").count(), 2, "{junit}");
    let evidence = stage.evidence();
    for scenario in evidence["scenarios"].as_array().expect("scenarios") {
        let name = scenario["name"].as_str().expect("a name");
        let key = scenario["artifact"]["key"].as_str().expect("a key");
        let time = key.strip_prefix(&format!("mongodb-backups/{name}-")).expect(key);
        assert!(time.starts_with("20"), "{key} is not of {name}");
        let restored = scenario["censuses"].as_array().expect("censuses").iter().find(|c| c["vantage"] == "restored");
        let groups = restored.expect("a census")["groups"].as_array().expect("groups").clone();
        let counts: Vec<(String, u64)> =
            groups.iter().map(|g| (g["name"].as_str().expect("name").to_owned(), g["count"].as_u64().expect("count"))).collect();
        let expected = filled.iter().filter(|(db, _, _)| *db == name);
        let expected: Vec<(String, u64)> =
            expected.map(|(db, collection, n)| (format!("{db}.{collection}"), u64::from(n.unsigned_abs()))).collect();
        assert_eq!(counts, expected, "{name}");
    }
    assert!(stage.leavings().is_empty());
}

/// Two servers: one that goes on, and the disposable one.
#[cfg(feature = "demo")]
#[tokio::test(flavor = "multi_thread")]
async fn a_live_server_is_compared_and_nothing_in_it_changes() {
    let Some(lab) = MongoLab::new() else { return };
    let source = lab.source().await;
    source.fill("shop", "users", 300).await;
    source.fill("shop", "orders", 40).await;
    source.fill("elsewhere", "logs", 5).await;
    let made = mongodb::bson::DateTime::from_millis(jiff::Timestamp::now().as_millisecond() + 86_400_000);
    let ordered = |numbers: std::ops::Range<i32>| numbers.map(|n| doc! { "_id": n, "made": made }).collect();
    // A clock was wrong: these do not count on either side.
    source.insert("shop", "orders", ordered(900..920)).await;
    let stage = stage_with(&lab, "");
    let live = "live:\n  mongodb:\n    url: { env: LIVE_URL }\n    older_than_backup: { shop.orders: made }\n";
    stage.scenario("shop", &format!("mongodb: {{}}\nchecks:\n  - drift: {{ against: live, of: documents }}\n{live}"));
    stage.artifact("shop", source.dump(&["--db=shop"]));
    let run = || run(assay(stage.path()).arg("run").env("LIVE_URL", source.url() + "shop"));
    let drift = || {
        let evidence = stage.evidence();
        let checks = evidence["scenarios"][0]["checks"].as_array().expect("checks").clone();
        checks.into_iter().find(|outcome| outcome["check"] == "drift live documents").expect("a drift")
    };
    let databases = source.client.list_database_names().await.expect("databases");
    // What was ordered after the backup is no drift.
    source.insert("shop", "orders", ordered(1000..1050)).await;
    let before = source.all("shop").await;
    let output = run();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!((&drift()["status"], &stage.evidence()["scenarios"][0]["depth"]), (&"pass".into(), &"compared".into()));
    assert_eq!(source.all("shop").await, before);
    // What has gone into an old collection since is.
    source.insert("shop", "users", (1000..1060).map(|n| doc! { "_id": n }).collect()).await;
    let before = source.all("shop").await;
    assert_eq!(run().status.code(), Some(1));
    let expected = "shop.users: 300, 60 (16.7%) fewer than the 360 in the live system";
    assert!(drift()["evidence"].as_array().expect("evidence").contains(&expected.into()), "{:#}", drift());
    assert_eq!(source.all("shop").await, before);
    assert_eq!(source.client.list_database_names().await.expect("databases"), databases);
}

/// Looks at a folder again and again.
#[cfg(feature = "demo")]
struct Watch {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    most: std::thread::JoinHandle<u64>,
}

/// The most bytes that ever lay in the rooms of a scratch folder outside of the servers' own data and sockets.
#[cfg(feature = "demo")]
fn watch(scratch: std::path::PathBuf) -> Watch {
    use std::sync::atomic::{AtomicBool, Ordering};
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let most = std::thread::spawn(move || {
        let (mut most, mut rooms) = (0, 0);
        while !told.load(Ordering::Relaxed) {
            let (bytes, seen) = bytes_in_rooms(&scratch);
            (most, rooms) = (most.max(bytes), rooms.max(seen));
            std::thread::yield_now();
        }
        assert!(rooms > 0, "no room was ever seen");
        most
    });
    Watch { stop, most }
}

#[cfg(feature = "demo")]
impl Watch {
    fn finish(self) -> u64 {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.most.join().expect("the watch")
    }
}

/// Rooms are folders in the run's folder; what lies beside them are notes of what was started, and logs.
#[cfg(feature = "demo")]
fn bytes_in_rooms(scratch: &std::path::Path) -> (u64, usize) {
    let entries = |folder: &std::path::Path| folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let rooms: Vec<_> = entries(scratch).flat_map(|run| entries(&run).collect::<Vec<_>>()).filter(|path| path.is_dir()).collect();
    let files = rooms.iter().flat_map(|room| entries(room).collect::<Vec<_>>());
    let bytes = files.filter_map(|path| path.metadata().ok()).filter(std::fs::Metadata::is_file).map(|file| file.len()).sum();
    (bytes, rooms.len())
}

/// What `FerretDB` 2.7 (it says it is 7.0) and mongorestore 100.10 cannot prove: a `$` in a name, time series, an archive whose version document
/// is not the one that mongorestore wants, and an archive of server 8, whose bytes nobody reads once no server fits. All end as errors, none
/// as passed. The test fails when one is missing here, and when one that stands here is judged right.
#[cfg(feature = "demo")]
const NOT_HERE: &[&str] =
    &["dollar.archive", "time-series-6.archive", "time-series-8.archive", "users.archive", "time-series-wrong-name.archive"];

/// `FerretDB` takes capped collections, validators and views without a word and keeps none of them as such: what is missing is
/// found, and rightly so.
#[cfg(feature = "demo")]
const NOT_KEPT_HERE: &str = "kinds.archive";

/// Archives by an independent writer: the healthy must be judged good, the broken bad (`tests/fixtures/mongodb.json`).
#[cfg(feature = "demo")]
#[tokio::test]
async fn every_archive_of_the_corpus_is_judged_as_it_must() {
    let Some(lab) = MongoLab::new() else { return };
    let stage = stage_with(&lab, "");
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let manifest = std::fs::read(fixtures.join("mongodb.json")).expect("manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    let cases = manifest["fixtures"].as_array().expect("cases");
    let name = |case: &serde_json::Value| case["name"].as_str().expect("a name").to_owned();
    for case in cases {
        let bytes = std::fs::read(fixtures.join(case["file"].as_str().expect("a file"))).expect("a fixture");
        stage.artifact(&name(case), bytes);
        let empty = case["note"] == "restore mechanics verified";
        stage.scenario(&name(case), &format!("mongodb: {{ allow_empty: {empty} }}\n"));
    }
    stage.assay(&["run"]);
    let evidence = stage.evidence();
    let mut wrong = Vec::new();
    for case in cases {
        let unproven = NOT_HERE.contains(&name(case).as_str());
        let record = evidence["scenarios"].as_array().expect("scenarios").iter().find(|s| s["name"] == name(case).as_str());
        let record = record.expect("a record");
        let said = format!("{}", record["checks"]);
        let found = case["finding"].as_str().is_none_or(|finding| said.contains(finding));
        assert!(!unproven || record["verdict"] == "error", "{case} {record}");
        if name(case) == NOT_KEPT_HERE {
            let failed = record["checks"].as_array().expect("checks").iter().filter(|check| check["status"] == "fail");
            let failed: Vec<&str> = failed.filter_map(|check| check["check"].as_str()).collect();
            assert_eq!(failed, ["everything restored"], "{case} {record}");
        } else if record["verdict"] != case["verdict"] || !found {
            wrong.push((name(case), record["verdict"].clone(), said));
        }
    }
    let names: Vec<&str> = wrong.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(names, NOT_HERE, "{wrong:#?}");
}

/// A stage whose `assay.yaml` knows the server, and more stores.
#[cfg(feature = "demo")]
fn stage_with(lab: &MongoLab, stores: &str) -> Stage {
    let command = lab.means.command.as_ref().map(|line| format!("command: \"{line}\", ")).unwrap_or_default();
    let stage = Stage::empty("");
    let tools = lab.means.tools.display();
    stage.write(
        "assay.yaml",
        format!(
            "stores:\n  here: {{ dir: backups }}\n{stores}scratch: {{ dir: scratch }}\n\
             runtime: {{ local: {{ mongodb: {{ {command}bin: {tools} }} }} }}\n"
        ),
    );
    stage
}
