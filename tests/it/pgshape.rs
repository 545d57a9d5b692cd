//! The look into a restored `PostgreSQL`: findings in databases that were broken on purpose, and its shape.

use crate::lab::{Lab, Proof, Server, connect, subject};
use crate::require;
use assay::check::integrity::{Amcheck, Aspect, Examined, Filter, IntegrityCheck, Weight, judge};
use assay::check::schema::{Shape, compare};
use assay::check::{Outcome, Status};
use assay::error::Result;
use assay::subject::{Restored, Subject};
use std::path::Path;
use std::time::Duration;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/good/postgres").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The rich database, restored from the dump of this major into a server of the same.
pub async fn rich(major: u32, lab: &Lab) -> Proof {
    let proof = lab.restore(&fixture(&format!("rich-{major}-custom.dump"))).await.expect("restored");
    assert_eq!(proof.instance.installation().major, major);
    proof
}

/// The majors that there are rich dumps of.
pub fn rich_majors() -> Vec<(u32, std::path::PathBuf)> {
    require::majors().into_iter().filter(|(major, _)| [15, 17, 18].contains(major)).collect()
}

/// A database of a server, as if a dump had been restored into it.
pub fn restored(database: &str) -> Restored {
    Restored { databases: vec![database.to_owned()], prefixed: false, outcomes: Vec::new(), tools: Vec::new(), log: Vec::new() }
}

fn check(aspect: Aspect) -> IntegrityCheck {
    IntegrityCheck { aspect, amcheck: Amcheck::Full, filter: Filter::default(), timeout: Some(Duration::from_mins(2)) }
}

async fn examined(server: &Server, database: &str, check: &IntegrityCheck) -> Result<Examined> {
    subject().examine(&restored(database), Some(&server.instance), check).await
}

async fn outcome(server: &Server, database: &str, aspect: Aspect) -> Outcome {
    judge(&check(aspect), &examined(server, database, &check(aspect)).await)
}

/// What is healthy: one of everything that the aspects look at.
const HEALTHY: &str = "
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, country text, city text, name text, UNIQUE (country, city));
CREATE TABLE shop.orders (id serial PRIMARY KEY, customer integer CONSTRAINT customer_there REFERENCES shop.customers, country text, city text,
    CONSTRAINT place_there FOREIGN KEY (country, city) REFERENCES shop.customers (country, city) MATCH FULL,
    CONSTRAINT positive CHECK (id > 0));
CREATE TABLE shop.countdown (id integer PRIMARY KEY);
CREATE SEQUENCE shop.down INCREMENT -2 START 100 MAXVALUE 100 MINVALUE 1 OWNED BY shop.countdown.id;
ALTER TABLE shop.countdown ALTER id SET DEFAULT nextval('shop.down');
CREATE TABLE shop.log (n bigserial, what text);
CREATE TABLE shop.parts (id integer, at date, customer integer REFERENCES shop.customers, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE shop.parts_2026 PARTITION OF shop.parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX parts_customer ON shop.parts (customer);
INSERT INTO shop.customers (country, city, name) SELECT 'c' || n, 'k' || n, repeat('long ', 4000 + n) FROM generate_series(1, 50) n;
INSERT INTO shop.orders (customer, country, city) SELECT n, 'c' || n, 'k' || n FROM generate_series(1, 50) n;
INSERT INTO shop.orders (customer) VALUES (NULL);
INSERT INTO shop.countdown SELECT nextval('shop.down') FROM generate_series(1, 10);
INSERT INTO shop.log (what) SELECT 'x' FROM generate_series(1, 10);
INSERT INTO shop.parts SELECT n, '2026-05-01', n FROM generate_series(1, 20) n;
CREATE INDEX customers_name ON shop.customers (lower(left(name, 20)) DESC);
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE POLICY mine ON shop.orders USING (true);
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
CREATE COLLATION shop.german (provider = icu, locale = 'de-DE');
CREATE TABLE shop.words (w text COLLATE shop.german PRIMARY KEY);
INSERT INTO shop.words VALUES ('Ähre'), ('Zoo');
";

#[tokio::test]
async fn a_healthy_database_has_no_finding() {
    for (major, bin) in require::majors() {
        let lab = Lab::with_programs(bin);
        let server = lab.start_major(major).await;
        server.fill("shop", HEALTHY).await;
        for aspect in Aspect::ALL {
            let examined = examined(&server, "shop", &check(aspect)).await.expect("examined");
            assert!(examined.findings.is_empty(), "{major} {aspect:?}: {examined:?}");
            assert!(examined.looked_at > 0, "{major} {aspect:?}: {examined:?}");
            assert_eq!(judge(&check(aspect), &Ok(examined)).status, Status::Pass, "{major} {aspect:?}");
        }
        let left = "SELECT count(*) FROM pg_extension, pg_namespace WHERE extname = 'amcheck' OR nspname LIKE 'assay%'";
        let left: i64 = connect(&server.instance, "shop").await.query_one(left, &[]).await.expect("count").get(0);
        assert_eq!(left, 0, "amcheck is gone again");
        server.instance.stop().await.expect("a clean end");
    }
}

/// What is broken, in which of three copies, by which aspect it is found, how bad it is, and what is said of it.
#[rustfmt::skip]
const BROKEN: [(usize, &str, Aspect, Weight, &str); 21] = [
    (0, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop.customers_name'::regclass",
        Aspect::Indexes, Weight::Wrong, "shop.customers_name: it is not valid: queries do not use it"),
    (1, "UPDATE pg_index SET indisready = false WHERE indexrelid = 'shop.customers_name'::regclass",
        Aspect::Indexes, Weight::Wrong, "shop.customers_name: it is not ready"),
    (0, "CREATE INDEX parts_at ON ONLY shop.parts (at)",
        Aspect::Indexes, Weight::Doubtful, "shop.parts_at: it is not valid: an index of a partition is missing"),
    (0, "ALTER TABLE shop.orders ADD CONSTRAINT later CHECK (id < 1000) NOT VALID",
        Aspect::Constraints, Weight::Doubtful, "shop.orders.later: it is NOT VALID"),
    (1, "CREATE DOMAIN shop.d AS text; ALTER DOMAIN shop.d ADD CONSTRAINT short CHECK (length(VALUE) < 9) NOT VALID",
        Aspect::Constraints, Weight::Doubtful, "shop.d.short: it is NOT VALID"),
    (0, "SET session_replication_role = replica; DELETE FROM shop.customers WHERE id = 7",
        Aspect::ForeignKeys, Weight::Wrong, "shop.orders.customer_there: it does not hold in 1 row"),
    (0, "", Aspect::ForeignKeys, Weight::Wrong, "shop.parts.parts_customer_fkey: it does not hold in 1 row"),
    (1, "SET session_replication_role = replica; UPDATE shop.orders SET city = 'none' WHERE id < 4",
        Aspect::ForeignKeys, Weight::Wrong, "shop.orders.place_there: it does not hold in 3 rows"),
    (2, "SET session_replication_role = replica; UPDATE shop.orders SET city = NULL WHERE id < 3",
        Aspect::ForeignKeys, Weight::Wrong, "shop.orders.place_there: it does not hold in 2 rows"),
    (2, "INSERT INTO shop.log VALUES (20, 'x');
        ALTER TABLE shop.log ADD CONSTRAINT \"some thing\" FOREIGN KEY (n) REFERENCES shop.countdown NOT VALID",
        Aspect::ForeignKeys, Weight::Wrong, "shop.log.some thing: it does not hold in 11 rows, which it may because it is NOT VALID"),
    (0, "SELECT setval('shop.orders_id_seq', 1)", Aspect::Sequences, Weight::Wrong, "shop.orders.id: the next number of its sequence is taken"),
    (1, "ALTER SEQUENCE shop.orders_id_seq RESTART", Aspect::Sequences, Weight::Wrong, "shop.orders.id: the next number"),
    (2, "ALTER TABLE shop.customers ALTER id RESTART WITH 50", Aspect::Sequences, Weight::Wrong, "shop.customers.id: the next number"),
    (2, "INSERT INTO shop.orders (id) VALUES (900)", Aspect::Sequences, Weight::Doubtful, "shop.orders.id: its sequence is behind"),
    (0, "SELECT setval('shop.log_n_seq', 5)", Aspect::Sequences, Weight::Doubtful, "shop.log.n: its sequence is behind"),
    (1, "SELECT setval('shop.down', 90)", Aspect::Sequences, Weight::Wrong, "shop.countdown.id: the next number"),
    (0, "ALTER TABLE shop.orders DISABLE TRIGGER touch", Aspect::Triggers, Weight::Note, "shop.orders.touch: it is disabled"),
    (1, "ALTER TABLE shop.orders DISABLE TRIGGER ALL",
        Aspect::Triggers, Weight::Doubtful, "shop.orders.customer_there: the trigger that enforces it is disabled"),
    (0, "DROP POLICY mine ON shop.orders", Aspect::RowSecurity, Weight::Note, "shop.orders: its row security is on and it has no policy"),
    (1, "ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY",
        Aspect::RowSecurity, Weight::Doubtful, "shop.orders: it has policies and its row security is off"),
    (0, "UPDATE pg_collation SET collversion = '1' WHERE collname = 'german'",
        Aspect::Collations, Weight::Doubtful, "shop.german: it was made with version 1 of its library"),
];

#[tokio::test]
async fn each_broken_thing_is_found_by_name() {
    for (major, bin) in require::majors() {
        let lab = Lab::with_programs(bin);
        let server = lab.start_major(major).await;
        for copy in 0..3 {
            let database = format!("broken{copy}");
            server.fill(&database, HEALTHY).await;
            let broken: Vec<_> = BROKEN.iter().filter(|(of, ..)| *of == copy).collect();
            for (_, sql, ..) in &broken {
                connect(&server.instance, &database).await.batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
            }
            for (_, sql, aspect, weight, said) in broken {
                let examined = examined(&server, &database, &check(*aspect)).await.expect("examined");
                let found = examined.findings.iter().find(|f| format!("{}: {}", f.name, f.what).starts_with(said));
                let found = found.unwrap_or_else(|| panic!("{major}: {sql}: no `{said}` in {examined:?}"));
                assert_eq!(found.weight, *weight, "{major}: {sql}: {examined:?}");
            }
        }
        server.instance.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn damaged_relations_are_found_by_amcheck() {
    for (major, bin) in require::majors() {
        let lab = Lab::with_programs(bin);
        let server = lab.start_major(major).await;
        server.fill("shop", HEALTHY).await;
        let healthy = outcome(&server, "shop", Aspect::Amcheck).await;
        assert_eq!(healthy.status, Status::Pass, "{major}: {healthy:?}");

        // Rows that the server did not enter into the index, and rows that are older than any can be.
        let ready = |ready| format!("UPDATE pg_index SET indisready = {ready} WHERE indexrelid = 'shop.words_pkey'::regclass");
        let client = connect(&server.instance, "shop").await;
        for sql in [
            &ready(false),
            "INSERT INTO shop.words VALUES ('lost')",
            &ready(true),
            "UPDATE pg_class SET relfrozenxid = txid_current()::text::xid WHERE oid = 'shop.countdown'::regclass",
        ] {
            client.batch_execute(sql).await.expect(sql);
        }
        for amcheck in [Amcheck::Auto, Amcheck::Full] {
            let check = IntegrityCheck { amcheck, ..check(Aspect::Amcheck) };
            let damaged = judge(&check, &examined(&server, "shop", &check).await);
            assert_eq!(damaged.status, Status::Fail, "{major} {amcheck:?}: {damaged:?}");
            let named = |name: &str| damaged.evidence.iter().any(|line| line.starts_with(name));
            assert!(named("shop.words_pkey: heap tuple"), "{major} {amcheck:?}: {damaged:?}");
            assert!(major < 14 || named("shop.countdown: 10 places damaged, block 0: xmin"), "{major} {amcheck:?}: {damaged:?}");
        }
        server.instance.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn names_leave_things_out_and_time_ends_a_look() {
    if require::postgres().is_none() {
        return;
    }
    let lab = Lab::new();
    let server = lab.start().await;
    server.fill("shop", HEALTHY).await;
    let client = connect(&server.instance, "shop").await;
    client
        .batch_execute("SET session_replication_role = replica; DELETE FROM shop.customers WHERE id = 7")
        .await
        .expect("broken");
    let globs = |texts: &[&str]| texts.iter().map(|text| globset::Glob::new(text).expect("a glob").compile_matcher()).collect();
    let filter = Filter { only: globs(&["shop.orders.*"]), skip: globs(&["*.place_there"]) };
    let found = examined(&server, "shop", &IntegrityCheck { filter, ..check(Aspect::ForeignKeys) }).await.expect("examined");
    let names: Vec<&str> = found.findings.iter().map(|f| f.name.as_str()).collect();
    assert_eq!((found.looked_at, names), (1, vec!["shop.orders.customer_there"]));

    // What it waits for is never let go.
    client.batch_execute("BEGIN; LOCK TABLE shop.customers").await.expect("a lock");
    let hasty = IntegrityCheck { timeout: Some(Duration::from_millis(200)), ..check(Aspect::ForeignKeys) };
    let error = examined(&server, "shop", &hasty).await.expect_err("too slow");
    assert_eq!(error.message, "looking at foreign keys took longer than 200ms");
}

#[tokio::test]
async fn the_rich_database_is_whole_but_for_what_its_owner_did() {
    for (major, bin) in rich_majors() {
        let lab = Lab::with_programs(bin);
        let proof = rich(major, &lab).await;
        let mut told = Vec::new();
        for aspect in Aspect::ALL {
            let check = check(aspect);
            let outcome = judge(&check, &subject().examine(&proof.restored, Some(&proof.instance), &check).await);
            told.push((outcome.check, outcome.status, outcome.evidence));
        }
        let odd: Vec<_> = told.iter().filter(|(_, status, evidence)| *status != Status::Pass || !evidence.is_empty()).collect();
        let names: Vec<&str> = odd.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["integrity constraints", "integrity triggers"], "{major}: {odd:#?}");
        assert!(odd[0].2[0].starts_with("shop.bookings.not_checked_yet: it is NOT VALID"), "{major}: {odd:#?}");
        assert_eq!((odd[0].1, odd[1].1), (Status::Warn, Status::Pass), "{major}: {odd:#?}");
        proof.instance.stop().await.expect("a clean end");
    }
}

async fn shape(proof: &Proof) -> Shape {
    subject().shape(&proof.restored, Some(&proof.instance)).await.expect("a shape")
}

#[tokio::test]
async fn a_dump_has_one_shape_on_every_major() {
    let majors = rich_majors();
    let Some((oldest, bin)) = majors.first() else { return };
    let dump = fixture(&format!("rich-{oldest}-custom.dump"));
    let reference = shape(&rich(*oldest, &Lab::with_programs(bin.clone())).await).await;
    assert!(reference.0.len() > 150, "{}", reference.to_file());
    let read = Shape::parse(&reference.to_file()).expect("a reference");
    let changed = reference.0.iter().zip(&read.0).find(|(written, read)| written != read);
    assert!(read == reference, "written and read otherwise: {changed:#?}");
    for (major, bin) in &majors[1..] {
        let lab = Lab::with_programs(bin.clone());
        let server = lab.start_major(*major).await;
        let file = server.room.path().join("rich.dump");
        std::fs::write(&file, &dump).expect("written");
        let roles = include_str!("../fixtures/postgres/roles.sql");
        connect(&server.instance, "postgres").await.batch_execute(roles).await.expect("roles");
        server.shell(&format!("createdb -T template0 rich && pg_restore -d rich {}", file.display()));
        let newer = subject().shape(&restored("rich"), Some(&server.instance)).await.expect("a shape");
        let differences: Vec<String> = compare(&reference, &newer).iter().map(ToString::to_string).collect();
        assert!(differences.is_empty(), "{oldest} and {major}: {differences:#?}");
        server.instance.stop().await.expect("a clean end");
    }
}

/// What changes the shape, and the difference that must be told, in the order in which they are done.
#[rustfmt::skip]
const CHANGES: [(&str, &str); 27] = [
    ("CREATE SCHEMA more", "added: schema more"),
    ("CREATE EXTENSION citext SCHEMA more", "added: extension citext: in more"),
    ("CREATE TYPE shop.mood AS ENUM ('good')", "added: type shop.mood: enum ('good')"),
    ("ALTER TYPE shop.mood ADD VALUE 'bad'", "changed: type shop.mood: enum ('good') -> enum ('good', 'bad')"),
    ("ALTER COLLATION shop.german RENAME TO deutsch", "missing: collation shop.german: icu, locale de-DE"),
    ("CREATE DOMAIN shop.share AS numeric(3,2) CHECK (VALUE <= 1)", "added: domain shop.share: numeric(3,2), share_check CHECK ((VALUE <= (1)::numeric))"),
    ("ALTER SEQUENCE shop.down CACHE 7", "changed: sequence shop.down: "),
    ("ALTER TABLE shop.log SET UNLOGGED", "changed: table shop.log: ordinary -> ordinary, unlogged"),
    ("ALTER TABLE shop.log ALTER what TYPE varchar(9)", "changed: column shop.log.what: text -> character varying(9)"),
    ("ALTER TABLE shop.log ALTER what SET NOT NULL", "changed: column shop.log.what: character varying(9) -> character varying(9), not null"),
    ("ALTER TABLE shop.log ALTER what SET DEFAULT 'y'", "changed: column shop.log.what: character varying(9), not null -> character varying(9), not null, default 'y'"),
    ("ALTER TABLE shop.log ADD twice bigint GENERATED ALWAYS AS (n * 2) STORED", "added: column shop.log.twice: bigint, stored as (n * 2)"),
    ("ALTER TABLE shop.log DROP n CASCADE; ALTER TABLE shop.log ADD n bigint", "changed: order of the columns of shop.log: n, what -> what, n"),
    ("ALTER TABLE shop.orders ALTER CONSTRAINT customer_there DEFERRABLE", "changed: constraint shop.orders.customer_there: "),
    ("ALTER TABLE shop.orders DROP CONSTRAINT positive", "missing: constraint shop.orders.positive: CHECK ((id > 0))"),
    ("DROP INDEX shop.customers_name; CREATE INDEX customers_name ON shop.customers (name)", "changed: index shop.customers_name: CREATE INDEX customers_name ON shop.customers USING btree ("),
    ("CREATE VIEW shop.names AS SELECT id, name FROM shop.customers WHERE id < 10", "added: view shop.names: reads shop.customers.id shop.customers.name, SELECT id, name FROM customers WHERE (id < 10)"),
    ("CREATE OR REPLACE VIEW shop.names AS SELECT id, name FROM shop.customers WHERE id < 11", "changed: view shop.names: "),
    ("CREATE MATERIALIZED VIEW shop.many AS SELECT count(*) FROM shop.names", "added: materialized-view shop.many: "),
    ("CREATE OR REPLACE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$", "changed: function shop.touch(): "),
    ("ALTER FUNCTION shop.touch() SECURITY DEFINER", "changed: function shop.touch(): "),
    ("ALTER TABLE shop.orders DISABLE TRIGGER touch", "changed: trigger shop.orders.touch: "),
    ("ALTER POLICY mine ON shop.orders USING (false)", "changed: policy shop.orders.mine: permissive, for all, to public, using true -> permissive, for all, to public, using false"),
    ("ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY", "changed: table shop.orders: ordinary, row security -> ordinary"),
    ("CREATE RULE keep AS ON DELETE TO shop.log DO INSTEAD NOTHING", "added: rule shop.log.keep: "),
    ("ALTER TABLE shop.parts DETACH PARTITION shop.parts_2026", "changed: table shop.parts_2026: ordinary, partition of shop.parts, FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') -> ordinary"),
    ("CREATE STATISTICS shop.stats (dependencies) ON country, city FROM shop.customers", "added: statistics shop.stats: "),
];

#[tokio::test]
async fn every_change_of_the_shape_is_told() {
    if require::postgres().is_none() {
        return;
    }
    let lab = Lab::new();
    let server = lab.start().await;
    server.fill("shop", HEALTHY).await;
    let shape = async || subject().shape(&restored("shop"), Some(&server.instance)).await.expect("a shape");
    let mut before = shape().await;
    for (sql, said) in CHANGES {
        connect(&server.instance, "shop").await.batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        let after = shape().await;
        let told: Vec<String> = compare(&before, &after).iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|line| line.starts_with(said)), "{sql}: no `{said}` in {told:#?}");
        before = after;
    }
    let server_two = connect(&server.instance, "shop").await;
    server_two
        .batch_execute("UPDATE shop.customers SET name = 'x'; INSERT INTO shop.countdown DEFAULT VALUES")
        .await
        .expect("rows");
    assert_eq!(compare(&before, &shape().await), [], "rows are no shape");
}
