//! Runs beside the last good one, and beside a live database.

use crate::lab::{Lab, Server, connect};
use crate::require;
use crate::stage::{Stage, assay, run, text};
use assay::scenario::{Counts, LivePostgres, LiveSpec};
use assay::secret::{SecretRef, Secrets};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::process::Output;
use std::time::Duration;

/// Two tables with 300 and 40 rows, and a small one with 3.
const SHOP: &str = "
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users SELECT n, 'user ' || n FROM generate_series(1, 300) n;
CREATE TABLE orders (id int PRIMARY KEY, created_at timestamptz);
INSERT INTO orders SELECT n, now() - interval '2 days' FROM generate_series(1, 40) n;
CREATE TABLE settings (key text PRIMARY KEY);
INSERT INTO settings VALUES ('a'), ('b'), ('c');
CREATE INDEX by_name ON users (name);";

const BESIDE_LAST_GOOD: &str = "postgres: {}\nchecks:\n  - drift: { against: last_good, of: rows, drop: { warn: 5%, fail: 20% } }\n  \
                                - drift: { against: last_good, of: indexes }\n";

/// Puts an artifact of some hours ago into the store.
fn put(stage: &Stage, hours: i64, dump: &[u8]) -> String {
    let time = Timestamp::now() - SignedDuration::from_hours(hours);
    let key = format!("shop-{}.dump", time.strftime("%Y%m%d-%H%M%S"));
    stage.write(&format!("backups/{key}"), dump);
    let file = std::fs::File::options().write(true).open(stage.path().join("backups").join(&key)).expect("artifact");
    file.set_modified(time.into()).expect("mtime");
    key
}

fn outcome<'a>(evidence: &'a Value, check: &str) -> &'a Value {
    let checks = evidence["scenarios"][0]["checks"].as_array().expect("checks");
    checks.iter().find(|outcome| outcome["check"] == check).unwrap_or_else(|| panic!("no {check} in {checks:#?}"))
}

async fn dump_of(server: &Server, change: &str) -> Vec<u8> {
    connect(&server.instance, "shop").await.batch_execute(change).await.expect("a change");
    server.dump("shop", &["-Fc"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_half_empty_dump_turns_red_on_its_second_run() {
    if require::postgres().is_none() {
        return;
    }
    let lab = Lab::new();
    let server = lab.start().await;
    server.fill("shop", SHOP).await;
    let stage = Stage::empty("");
    stage.scenario("shop", BESIDE_LAST_GOOD);
    put(&stage, 50, &server.dump("shop", &["-Fc"]).await);

    // The first run has nothing to compare with: neither green nor red.
    let first = stage.assay(&["run"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first));
    let evidence = stage.evidence();
    assert_eq!((&evidence["scenarios"][0]["verdict"], &evidence["scenarios"][0]["depth"]), (&"warn".into(), &"checked".into()));
    assert!(outcome(&evidence, "drift last_good rows")["message"].as_str().expect("text").starts_with("there is no good run"));

    // The same artifact again is compared with itself.
    let again = stage.assay(&["run"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    let evidence = stage.evidence();
    assert_eq!((&evidence["scenarios"][0]["verdict"], &evidence["scenarios"][0]["depth"]), (&"pass".into(), &"compared".into()));

    // The next day half of the users are gone. Everything else of the run is well.
    put(&stage, 20, &dump_of(&server, "DELETE FROM users WHERE id > 150; DROP INDEX by_name").await);
    for _ in 0..2 {
        let half = stage.assay(&["run"]);
        assert_eq!(half.status.code(), Some(1), "{}", text(&half));
        let evidence = stage.evidence();
        let rows = outcome(&evidence, "drift last_good rows");
        assert_eq!(rows["status"], "fail");
        assert_eq!(rows["evidence"].as_array().map(Vec::len), Some(2), "{rows:#}");
        assert!(rows["evidence"][1].as_str().expect("text").starts_with("public.users: 150, 150 (50%) fewer than the 300"));
        assert_eq!(outcome(&evidence, "drift last_good indexes")["evidence"][0], "gone: public.by_name");
        let vantages = evidence["scenarios"][0]["censuses"].as_array().expect("censuses").iter().map(|c| c["vantage"].clone());
        assert!(vantages.into_iter().any(|vantage| vantage == "last_good"));
        assert!(stage.junit().contains("drift last_good rows"));
    }

    // The day after they are back: the failed runs are not what it is compared with.
    let whole = "INSERT INTO users SELECT n, 'user ' || n FROM generate_series(151, 290) n; CREATE INDEX by_name ON users (name)";
    put(&stage, 2, &dump_of(&server, whole).await);
    let mended = stage.assay(&["run"]);
    assert_eq!(mended.status.code(), Some(0), "{}", text(&mended));
    assert_eq!(stage.evidence()["scenarios"][0]["verdict"], "pass");
    the_history_tells_it(&stage);
}

fn the_history_tells_it(stage: &Stage) {
    let shown = stage.assay(&["history", "shop"]);
    let lines: Vec<String> = String::from_utf8_lossy(&shown.stdout).lines().map(str::to_owned).collect();
    let words: Vec<&str> = lines.iter().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!((shown.status.code(), words), (Some(0), vec!["PASS", "FAIL", "FAIL", "PASS", "WARN"]), "{lines:#?}");
    let json = stage.assay(&["history", "--json", "--last", "2"]);
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((json.as_array().map(Vec::len), &json[0]["members"], &json[1]["verdict"]), (Some(2), &333.into(), &"fail".into()));
    let list = text(&stage.assay(&["list"]));
    assert!(list.contains("PROVEN") && list.contains(" ago"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_artifact_that_was_asked_for_is_nothing_to_compare_with() {
    if require::postgres().is_none() {
        return;
    }
    let lab = Lab::new();
    let server = lab.start().await;
    server.fill("shop", SHOP).await;
    let stage = Stage::empty("");
    stage.scenario("shop", BESIDE_LAST_GOOD);
    let small = put(&stage, 90, &dump_of(&server, "DELETE FROM users WHERE id > 100").await);
    let back = "INSERT INTO users SELECT n, 'user ' || n FROM generate_series(101, 300) n";
    put(&stage, 50, &dump_of(&server, back).await);
    assert_eq!(stage.assay(&["run"]).status.code(), Some(0));
    // It is of the time before: the later run says nothing of it.
    let old = stage.assay(&["run", "--artifact", &small]);
    assert_eq!(old.status.code(), Some(0), "{}", text(&old));
    assert_eq!(stage.evidence()["scenarios"][0]["depth"], "checked");
    // And the next one is not compared with it.
    put(&stage, 2, &dump_of(&server, "DELETE FROM users WHERE id > 101").await);
    assert_eq!(stage.assay(&["run"]).status.code(), Some(1));
}

#[test]
fn a_history_that_cannot_be_written_is_told_everywhere_and_never_green() {
    if require::postgres().is_none() {
        return;
    }
    let stage = Stage::new();
    stage.scenario("codetalk", "postgres: {}\n");
    stage.write("taken", "a file");
    stage.write("assay.yaml", "stores:\n  here: { dir: backups }\nscratch: { dir: scratch }\nhistory: { dir: taken/history }\n");
    let output = stage.assay(&["run"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let evidence = stage.evidence();
    assert_eq!((&evidence["scenarios"][0]["verdict"], &evidence["summary"]["exit_code"]), (&"pass".into(), &3.into()));
    assert!(evidence["run"]["undelivered"][0].as_str().expect("text").starts_with("cannot write the history "), "{evidence:#}");
    assert!(stage.junit().contains("cannot write the history "));
    assert!(String::from_utf8_lossy(&output.stdout).contains("cannot write the history "), "{}", text(&output));
}

#[test]
fn a_damaged_history_warns_and_is_passed_over() {
    if require::postgres().is_none() {
        return;
    }
    let stage = Stage::new();
    stage.scenario("codetalk", BESIDE_LAST_GOOD);
    for expected in [Some(0), Some(0)] {
        assert_eq!(stage.assay(&["run"]).status.code(), expected);
    }
    let folder = stage.path().join("reports/history/codetalk");
    let mut files: Vec<_> = std::fs::read_dir(&folder).expect("history").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    let last = files.pop().expect("a run");
    let whole = std::fs::read(&last).expect("read");
    std::fs::write(&last, &whole[..whole.len() / 2]).expect("write");
    let output = stage.assay(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let evidence = stage.evidence();
    assert_eq!(outcome(&evidence, "history")["status"], "warn");
    assert!(outcome(&evidence, "history")["evidence"][0].as_str().expect("text").contains("it is damaged"));
    assert_eq!(evidence["scenarios"][0]["depth"], "compared");
    assert_eq!(stage.assay(&["history"]).status.code(), Some(3));
}

/// A live database, and a stage whose scenario compares with it.
struct Beside {
    stage: Stage,
    server: Server,
    _lab: Lab,
}

const READER: &str = "CREATE ROLE reader LOGIN PASSWORD 'hunter2-reader'; GRANT CONNECT ON DATABASE shop TO reader;
    GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;";

impl Beside {
    async fn new(more: &str) -> Self {
        let lab = Lab::new();
        let server = lab.start().await;
        server.fill("shop", SHOP).await;
        connect(&server.instance, "shop").await.batch_execute(READER).await.expect("a role");
        let stage = Stage::empty("");
        stage.scenario(
            "shop",
            &format!(
                "postgres: {{}}\nchecks:\n  - drift: {{ against: live, of: rows }}\nlive:\n  postgres:\n    url: {{ env: LIVE_URL }}\n{more}"
            ),
        );
        put(&stage, 1, &server.dump("shop", &["-Fc"]).await);
        Self { stage, server, _lab: lab }
    }

    fn url(&self) -> String {
        format!("host={} user=reader password=hunter2-reader dbname=shop", self.server.instance.place().socket.display())
    }

    fn run_with(&self, url: &str) -> Output {
        run(assay(self.stage.path()).arg("run").env("LIVE_URL", url))
    }

    fn run(&self) -> Output {
        self.run_with(&self.url())
    }

    async fn change(&self, sql: &str) {
        connect(&self.server.instance, "shop").await.batch_execute(sql).await.expect("a change");
    }

    fn drift(&self) -> Value {
        outcome(&self.stage.evidence(), "drift live rows").clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_database_is_compared_and_nothing_in_it_changes() {
    if require::postgres().is_none() {
        return;
    }
    let beside = Beside::new("").await;
    beside.change("ALTER SYSTEM SET log_statement = 'all'; ").await;
    beside.change("SELECT pg_reload_conf()").await;
    let written = "SELECT pg_current_xact_id()::text::bigint, (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables)";
    let client = connect(&beside.server.instance, "shop").await;
    // The number of a transaction is taken by writing ones alone; this one takes one itself.
    let before = client.query_one(written, &[]).await.expect("counters");
    let output = beside.run();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let after = client.query_one(written, &[]).await.expect("counters");
    assert_eq!(after.get::<_, i64>(0), before.get::<_, i64>(0) + 1, "no transaction has written");
    assert_eq!(after.get::<_, i64>(1), before.get::<_, i64>(1));
    let evidence = beside.stage.evidence();
    assert_eq!((&beside.drift()["status"], &evidence["scenarios"][0]["depth"]), (&"pass".into(), &"compared".into()));
    let log = std::fs::read_to_string(format!("{}.log", beside.server.room.path().display())).expect("the log");
    let statements: Vec<&str> = log.lines().filter_map(|line| line.split_once("statement: ").map(|(_, sql)| sql)).collect();
    let ours: Vec<&&str> = statements.iter().filter(|sql| sql.contains("FROM ONLY")).collect();
    assert_eq!(ours.len(), 1, "{statements:#?}");
    let writes = ["INSERT", "UPDATE ", "DELETE", "CREATE", "LOCK", "COPY", "TRUNCATE", "VACUUM", "nextval"];
    let begin =
        statements.iter().position(|sql| sql.starts_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")).expect("ours");
    let end = statements.iter().position(|sql| *sql == "ROLLBACK").expect("the end");
    for sql in &statements[begin..=end] {
        assert!(!writes.iter().any(|word| sql.contains(word)), "{sql}");
    }
    for file in ["reports/out/latest/evidence.json", "reports/out/latest/junit.xml"] {
        let report = std::fs::read_to_string(beside.stage.path().join(file)).expect(file);
        assert!(!report.contains("hunter2"), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_live_database_has_more_is_named() {
    if require::postgres().is_none() {
        return;
    }
    let beside = Beside::new("    counts: exact\n").await;
    beside.change("INSERT INTO users SELECT n, 'new' FROM generate_series(301, 360) n; DROP TABLE settings").await;
    beside.change("CREATE TABLE invoices (id int); INSERT INTO invoices VALUES (1); GRANT SELECT ON invoices TO reader").await;
    assert_eq!(beside.run().status.code(), Some(1));
    let drift = beside.drift();
    let lines: Vec<&str> = drift["evidence"].as_array().expect("evidence").iter().filter_map(Value::as_str).collect();
    assert_eq!(lines[0], "public.invoices is gone: it had 1 rows in the live system", "{lines:#?}");
    assert!(lines.contains(&"public.users: 300, 60 (16.7%) fewer than the 360 in the live system"), "{lines:#?}");
    assert!(lines.contains(&"public.settings is new, with 3 rows"), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_came_after_the_backup_are_no_drift_where_their_time_is_known() {
    if require::postgres().is_none() {
        return;
    }
    let beside = Beside::new("    older_than_backup: { public.orders: created_at }\n").await;
    let busy = "INSERT INTO orders SELECT n, now() FROM generate_series(41, 400) n";
    beside.change(busy).await;
    assert_eq!(beside.run().status.code(), Some(0), "{:#}", beside.drift());
    let lost = "INSERT INTO orders SELECT n, now() - interval '1 day' FROM generate_series(401, 450) n";
    beside.change(lost).await;
    assert_eq!(beside.run().status.code(), Some(1));
    let expected = "public.orders: 40, 50 (55.6%) fewer than the 90 in the live system";
    assert!(beside.drift()["evidence"].as_array().expect("evidence").contains(&expected.into()), "{:#}", beside.drift());
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_the_role_may_not_read_are_named_and_not_green() {
    if require::postgres().is_none() {
        return;
    }
    let beside = Beside::new("    counts: estimated\n").await;
    beside.change("ANALYZE; REVOKE SELECT ON settings FROM reader; ALTER TABLE orders ENABLE ROW LEVEL SECURITY").await;
    assert_eq!(beside.run().status.code(), Some(0));
    let drift = beside.drift();
    assert_eq!(drift["status"], "warn");
    assert_eq!(drift["message"], "not compared, because its role may not read them all: public.orders and 1 more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_system_that_fails_makes_its_check_an_error_and_the_rest_stands() {
    if require::postgres().is_none() {
        return;
    }
    let beside = Beside::new("    timeout: 3s\n    older_than_backup: { public.users: nowhere }\n").await;
    let socket = beside.server.instance.place().socket.display().to_string();
    for (url, said) in [
        (beside.url(), "public.users has no column nowhere that holds a time"),
        (format!("host={socket} user=reader password=hunter2-wrong dbname=shop"), "password authentication failed"),
        (format!("host={socket}/nowhere user=reader password=hunter2-reader dbname=shop"), "error connecting to server"),
        ("postgres://reader:hunter2-reader@127.0.0.1:1/shop".to_owned(), "error connecting to server"),
        ("postgres://reader:hunter2-reader@[/shop".to_owned(), "the URL of the live database cannot be read"),
        (String::new(), "LIVE_URL is empty"),
    ] {
        let output = beside.run_with(&url);
        assert_eq!(output.status.code(), Some(3), "{}", text(&output));
        assert!(!text(&output).contains("hunter2"), "{}", text(&output));
        let drift = beside.drift();
        assert_eq!(drift["status"], "error");
        assert!(drift["message"].as_str().expect("text").contains(said), "{said}: {drift:#}");
        let evidence = beside.stage.evidence();
        assert_eq!(evidence["scenarios"][0]["depth"], "checked");
        assert_eq!(outcome(&evidence, "something restored")["status"], "pass");
        assert!(!evidence.to_string().contains("hunter2"), "{evidence:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_is_given_up_ends_in_the_live_database_too() {
    if require::postgres().is_none() {
        return;
    }
    let beside = Beside::new("").await;
    let locker = connect(&beside.server.instance, "shop").await;
    locker.batch_execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    // In a transaction the list of sessions would stay as it was.
    let watcher = connect(&beside.server.instance, "shop").await;
    beside.stage.write("url", beside.url());
    let url = SecretRef::File(beside.stage.path().join("url"));
    let (counts, timeout) = (Counts::Exact, Duration::from_mins(10));
    let live = LiveSpec::Postgres(LivePostgres { url, ca: None, counts, timeout, older_than_backup: Vec::new() });
    let secrets = Secrets::default();
    let sessions = async |state: &str| {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'assay' AND usename = 'reader' AND wait_event_type LIKE $1";
        watcher.query_one(sql, &[&state]).await.expect("sessions").get::<_, i64>(0)
    };
    let look = assay::subject::live(&live, &secrets, Timestamp::now());
    tokio::select! {
        answer = look => panic!("{answer:?}"),
        () = until(async || sessions("Lock").await == 1) => {}
    }
    // Sooner than the limit for locks would end it.
    let given_up = std::time::Instant::now();
    until(async || sessions("%").await == 0).await;
    assert!(given_up.elapsed() < Duration::from_secs(4), "{:?}", given_up.elapsed());
}

/// Waits for a condition.
async fn until(condition: impl AsyncFn() -> bool) {
    while !condition().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_is_not_waited_for_beyond_the_limit() {
    if require::postgres().is_none() {
        return;
    }
    let beside = Beside::new("    timeout: 1s\n").await;
    let locker = connect(&beside.server.instance, "shop").await;
    locker.batch_execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    assert_eq!(beside.run().status.code(), Some(3));
    let message = beside.drift()["message"].as_str().expect("text").to_owned();
    assert!(message.contains("lock timeout") || message.contains("took longer than 1s"), "{message}");
    locker.batch_execute("ROLLBACK").await.expect("the end");
    assert_eq!(beside.run().status.code(), Some(0));
}
