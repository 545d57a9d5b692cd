//! `integrity` and `schema` as a user meets them: from the dump in the store to the exit code, and the reference file.

use crate::lab::{Lab, Server};
use crate::require;
use crate::stage::{Stage, text};
use serde_json::Value;

const SHOP: &str = "CREATE TABLE customers (id integer PRIMARY KEY);
    CREATE TABLE orders (id serial PRIMARY KEY, customer integer REFERENCES customers, total numeric CHECK (total > 0));
    CREATE VIEW large AS SELECT id FROM orders WHERE total > 100;
    INSERT INTO customers SELECT generate_series(1, 5);
    INSERT INTO orders (customer, total) SELECT n, n * 50 FROM generate_series(1, 5) n;";

/// Dumps the shop after more statements, and puts that as the newest artifact.
async fn artifact(stage: &Stage, server: &Server, database: &str, more: &str) {
    server.fill(database, &format!("{SHOP}{more}")).await;
    stage.artifact("shop", server.dump(database, &["-Fc"]).await);
}

/// Name, status and message of each check that begins with this word.
fn told(evidence: &Value, word: &str) -> Vec<(String, String, String)> {
    let checks = evidence["scenarios"][0]["checks"].as_array().expect("checks");
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let of_word = checks.iter().filter(|check| text(check, "check").starts_with(word));
    of_word.map(|check| (text(check, "check"), text(check, "status"), text(check, "message"))).collect()
}

#[tokio::test]
async fn a_dump_that_is_broken_inside_is_a_bad_backup() {
    if require::postgres().is_none() {
        return;
    }
    let (lab, stage) = (Lab::new(), Stage::empty(""));
    let server = lab.start().await;
    stage.scenario("shop", "postgres: {}\nchecks:\n  - integrity: { timeout: 5m }\n");
    artifact(&stage, &server, "healthy", "").await;
    let run = stage.assay(&["run"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run));
    let names: Vec<String> =
        told(&stage.evidence(), "integrity").into_iter().map(|(name, status, _)| format!("{name}: {status}")).collect();
    let expected = ["indexes", "constraints", "triggers", "row security", "collations", "sequences", "foreign keys", "amcheck"];
    assert_eq!(names, expected.map(|aspect| format!("integrity {aspect}: pass")));

    let lost = "SET session_replication_role = replica; DELETE FROM customers WHERE id = 2;
        ALTER TABLE orders DROP CONSTRAINT orders_customer_fkey;
        ALTER TABLE orders ADD CONSTRAINT there FOREIGN KEY (customer) REFERENCES customers NOT VALID;";
    for (database, more, check, message) in [
        (
            "orphans",
            lost,
            "integrity foreign keys",
            "public.orders.there: it does not hold in 1 row, which it may because it is NOT VALID",
        ),
        (
            "behind",
            "SELECT setval('orders_id_seq', 2)",
            "integrity sequences",
            "public.orders.id: the next number of its sequence is taken: the next insert fails",
        ),
    ] {
        artifact(&stage, &server, database, more).await;
        let run = stage.assay(&["run"]);
        assert_eq!(run.status.code(), Some(1), "{}", text(&run));
        let failed: Vec<_> = told(&stage.evidence(), "").into_iter().filter(|(_, status, _)| status == "fail").collect();
        assert_eq!(failed, [(check.to_owned(), "fail".to_owned(), message.to_owned())], "{}", text(&run));
        assert!(text(&run).contains(message), "{}", text(&run));
    }
    // Whoever knows of it says so.
    stage.scenario(
        "shop",
        "postgres: {}\nchecks:\n  - integrity: { skip: [public.orders.id], amcheck: off, foreign_keys: false }\n",
    );
    let run = stage.assay(&["run"]);
    assert_eq!((run.status.code(), told(&stage.evidence(), "integrity").len()), (Some(0), 6), "{}", text(&run));
}

#[tokio::test]
async fn a_reference_is_written_reviewed_and_kept_to() {
    if require::postgres().is_none() {
        return;
    }
    let (lab, stage) = (Lab::new(), Stage::empty(""));
    let server = lab.start().await;
    let reference = stage.path().join("scenarios/shop.schema");
    let schema = |more: &str| {
        stage.scenario("shop", &format!("postgres: {{}}\nchecks:\n  - schema: {{ reference: shop.schema{more} }}\n"));
    };
    schema("");
    artifact(&stage, &server, "first", "").await;
    let outcome = || told(&stage.evidence(), "schema").remove(0);

    let run = stage.assay(&["run"]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run));
    assert_eq!(outcome().2, "there is no reference shop.schema");
    assert!(text(&run).contains("--write-reference"), "{}", text(&run));

    let run = stage.assay(&["run", "shop", "--write-reference"]);
    assert_eq!((run.status.code(), outcome().1.as_str()), (Some(0), "pass"), "{}", text(&run));
    assert!(outcome().2.starts_with("reference written: "), "{:?}", outcome());
    let written = std::fs::read_to_string(&reference).expect("a reference");
    assert!(written.contains("\ncolumn public.orders.total: numeric\n"), "{written}");
    assert!(!written.contains("250"), "no row is in it: {written}");
    assert_eq!(stage.assay(&["run"]).status.code(), Some(0));
    assert!(outcome().2.ends_with("as in shop.schema"), "{:?}", outcome());

    artifact(
        &stage,
        &server,
        "second",
        "ALTER TABLE orders DROP CONSTRAINT orders_total_check; CREATE INDEX late ON orders (total)",
    )
    .await;
    let run = stage.assay(&["run"]);
    assert_eq!((run.status.code(), outcome().1.as_str()), (Some(1), "fail"), "{}", text(&run));
    let differences = stage.evidence()["scenarios"][0]["checks"].to_string();
    assert!(
        differences.contains("added: index public.late: ")
            && differences.contains("missing: constraint public.orders.orders_total_check"),
        "{differences}"
    );
    schema(", on_change: warn");
    assert_eq!((stage.assay(&["run"]).status.code(), outcome().1.as_str()), (Some(0), "warn"));
    assert_eq!(std::fs::read_to_string(&reference).expect("a reference"), written, "nobody asked for another");

    let run = stage.assay(&["run", "--write-reference"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run));
    for line in
        ["added: index public.late: ", "missing: constraint public.orders.orders_total_check", "2 differences to the one before"]
    {
        assert!(text(&run).contains(line), "{}", text(&run));
    }
    assert_ne!(std::fs::read_to_string(&reference).expect("a reference"), written);
    let left = std::fs::read_dir(stage.path().join("scenarios")).expect("folder").count();
    assert_eq!(left, 2, "the scenario and its reference");
}

#[tokio::test]
async fn a_reference_is_not_written_from_what_did_not_restore() {
    if require::postgres().is_none() {
        return;
    }
    let (lab, stage) = (Lab::new(), Stage::empty(""));
    let server = lab.start().await;
    stage.scenario("shop", "postgres: {}\nchecks:\n  - count: { of: tables, min: 1 }\n");
    let run = stage.assay(&["run", "--write-reference"]);
    assert_eq!(run.status.code(), Some(2), "{}", text(&run));
    assert!(text(&run).contains("none of the selected scenarios has a check `schema`"), "{}", text(&run));

    stage.scenario("shop", "postgres: {}\nchecks:\n  - schema: { reference: shop.schema }\n");
    // A second row makes the primary key impossible; everything else is restored and measured.
    let twice = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/broken/postgres/custom-15-duplicate-row.dump");
    stage.artifact("shop", std::fs::read(twice).expect("a dump"));
    let run = stage.assay(&["run", "--write-reference"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run));
    let message = "shop.schema was not written, because the restore had errors";
    assert_eq!(told(&stage.evidence(), "schema"), [("schema".to_owned(), "error".to_owned(), message.to_owned())]);
    assert!(!stage.path().join("scenarios/shop.schema").exists(), "{}", text(&run));

    std::fs::write(stage.path().join("scenarios/shop.schema"), "schema public\nnonsense\n").expect("written");
    artifact(&stage, &server, "whole", "").await;
    let run = stage.assay(&["run"]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run));
    assert!(
        text(&run).contains("cannot read the reference shop.schema: line 2: a line is `kind name: definition`"),
        "{}",
        text(&run)
    );
}
