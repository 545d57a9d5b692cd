//! Real dumps through the real tools: healthy ones come back whole, broken ones are blamed on the right one.

use crate::lab::{Lab, Proof, Server, connect, subject};
use assay::census::Census;
use assay::check::Status;
use assay::error::{Blame, Error};
use assay::scenario::SqlCheck;
use assay::subject::{Subject, Wanted};
use std::time::{Duration, Instant};

const CONTENT: &str = include_str!("../fixtures/content.sql");
const QUOTED: &str = "Strange Names.Some \"quoted\" Table";

async fn shop(lab: &Lab) -> Server {
    let server = lab.start().await;
    server.fill("shop", CONTENT).await;
    server
}

async fn census(proof: &Proof, wanted: &[(&str, &str)]) -> Census {
    let newest = wanted.iter().map(|(group, field)| ((*group).to_owned(), (*field).to_owned())).collect();
    subject().census(&proof.restored, Some(&proof.instance), &Wanted { newest, before: None }).await.expect("a census")
}

fn assert_whole(census: &Census, format: &str) {
    let rows: Vec<(&str, u64)> = census.groups.iter().map(|group| (group.name.as_str(), group.count)).collect();
    let expected = [
        (QUOTED, 2),
        ("public.child", 2),
        ("public.empty", 0),
        ("public.events_2025", 31),
        ("public.events_2026", 69),
        ("public.messages", 2002),
        ("public.parent", 1),
        ("public.per_user", 300),
        ("public.users", 300),
    ];
    assert_eq!(rows, expected, "{format}");
    for (kind, count) in [
        ("constraints", 7),
        ("extensions", 0),
        ("functions", 1),
        ("indexes", 5),
        ("large_objects", 2),
        ("materialized_views", 2),
        ("policies", 1),
        ("schemas", 2),
        ("sequences", 3),
        ("triggers", 1),
        ("types", 2),
        ("views", 1),
    ] {
        assert_eq!(census.count_of(kind), Some(count), "{kind} in {format}: {:?}", census.inventory);
    }
}

#[tokio::test]
async fn every_format_comes_back_whole() {
    let lab = Lab::new();
    let server = shop(&lab).await;
    // Parts in any order and at any depth, and what does not belong to them.
    server.shell("pg_dump -Fd -j2 -f dir shop; mkdir -p a/b; echo hello >a/readme.txt; cp -r dir a/b/shop");
    for (format, command) in [
        ("tar", "pg_dump -Ft shop"),
        ("directory", "tar -C dir -c ."),
        ("directory", "tar -c $(ls dir/* | sort -r)"),
        ("directory", "tar -c a"),
        ("directory", "pg_dump -Fd -Z0 -f plain shop; tar -c --format=pax plain"),
    ] {
        let proof = lab.restore(&server.shell(command)).await.unwrap_or_else(|e| panic!("{command}: {e:?}"));
        assert_eq!(proof.facts.format, format, "{command}");
        assert!(proof.facts.get("dumped from").is_some_and(|from| from.starts_with(&server.instance.installation().version)));
        assert_eq!(proof.restored.outcomes[0].status, Status::Pass, "{command}: {:?}", proof.restored.log);
        assert_whole(&census(&proof, &[]).await, command);
        proof.instance.stop().await.expect("a clean end");
    }
    for (format, options) in [("custom", &["-Fc"][..]), ("custom", &["-Fc", "-Z0"]), ("plain", &[]), ("plain", &["--inserts"])] {
        let proof = lab.restore(&server.dump("shop", options).await).await.expect("restored");
        assert_eq!(proof.facts.format, format);
        assert!(proof.facts.get("dumped from").is_some_and(|from| from.starts_with(&server.instance.installation().version)));
        let outcomes: Vec<_> = proof.restored.outcomes.iter().map(|o| (o.check.as_str(), o.status)).collect();
        assert_eq!(outcomes, [("restore", Status::Pass)], "{options:?}: {:?}", proof.restored.log);
        assert_whole(&census(&proof, &[]).await, &format!("{options:?}"));
        let call = &proof.restored.tools.first().expect("a tool").call;
        assert!(!call.contains(proof.instance.password().expose()), "{call}");
        proof.instance.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn the_newest_times_are_the_columns_own() {
    let lab = Lab::new();
    let proof = lab.restore(&shop(&lab).await.dump("shop", &["-Fc"]).await).await.expect("restored");
    let wanted = [
        ("public.users", "created_at"),
        ("public.users", "born"),
        ("public.users", "name"),
        ("public.users", "created"),
        ("public.messages", "sent"),
        ("public.empty", "at"),
        (QUOTED, "It's When"),
        ("public.nothing", "at"),
    ];
    let census = census(&proof, &wanted).await;
    let newest = |group: &str, field: &str| {
        let found = census.group(group).expect(group).newest.iter().find(|newest| newest.field == field);
        found.map(|newest| newest.time.map(|time| time.to_string()))
    };
    let time = |text: &str| Some(Some(text.to_owned()));
    assert_eq!(newest("public.users", "created_at"), time("2026-11-13T12:00:00Z"));
    assert_eq!(newest("public.users", "born"), time("2000-10-27T00:00:00Z"));
    assert_eq!(newest("public.messages", "sent"), time("2026-11-20T11:59:00Z"));
    assert_eq!(newest("public.empty", "at"), Some(None));
    assert_eq!(newest(QUOTED, "It's When"), time("2026-11-03T02:05:06.789012Z"));
    // What is no time column has none, and the census says which ones there are.
    assert_eq!((newest("public.users", "name"), newest("public.users", "created")), (None, None));
    let columns = census.inventory.iter().find(|kind| kind.kind == "time_columns").expect("time columns");
    let users: Vec<&str> = columns.members.iter().map(String::as_str).filter(|name| name.starts_with("public.users.")).collect();
    assert_eq!(users, ["public.users.born", "public.users.created_at"]);
}

#[tokio::test]
async fn bytes_of_no_encoding_come_back_too() {
    let lab = Lab::new();
    let server = lab.start().await;
    let postgres = connect(&server.instance, "postgres").await;
    let create = "CREATE DATABASE old TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    postgres.batch_execute(create).await.expect("a database without an encoding");
    let content = "CREATE TABLE t (name text); INSERT INTO t VALUES (E'Andr\\xe9')";
    connect(&server.instance, "old").await.batch_execute(content).await.expect("its content");
    for options in [&["-Fc"][..], &[]] {
        let proof = lab.restore(&server.dump("old", options).await).await.expect("restored");
        assert_eq!(census(&proof, &[]).await.count_of("public.t"), Some(1), "{options:?}");
    }
}

/// Restores a broken dump, which must not work out.
async fn blamed(lab: &Lab, what: &str, dump: &[u8]) -> Error {
    match lab.restore(dump).await {
        Err(error) => error,
        Ok(proof) => panic!("{what} was restored: {:?}", proof.restored.outcomes),
    }
}

fn replaced(dump: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = dump.windows(from.len()).position(|window| window == from.as_bytes());
    let at = at.unwrap_or_else(|| panic!("{from} is not in the dump"));
    [&dump[..at], to.as_bytes(), &dump[at + from.len()..]].concat()
}

#[tokio::test]
async fn however_it_was_written_a_whole_archive_is_restored() {
    let lab = Lab::new();
    let server = shop(&lab).await;
    for command in [
        "pg_dump -Fc shop | cat",
        "pg_dump -Fc -Z0 shop | cat",
        "pg_dump -Fc shop >> appended; cat appended",
        "pg_dump -Fc -Z9 -f whole shop; cat whole",
        "pg_dump -Fc --schema-only shop",
        "pg_dump -Fc --schema-only --blobs shop",
        "pg_dump -Fc --exclude-table-data=messages shop | cat",
        "pg_dump -Fc --load-via-partition-root --no-blobs --serializable-deferrable shop | cat",
        "pg_dump -Fc --inserts --rows-per-insert=7 shop | cat",
        "pg_dump -Fc --create --clean --if-exists --no-sync shop | cat",
        "pg_dump -Fc --section=pre-data --section=data shop | cat",
        "pg_dump -Fc --table=parent --table=child shop | cat",
    ] {
        let proof = lab.restore(&server.shell(command)).await.unwrap_or_else(|e| panic!("{command}: {e:?}"));
        assert_eq!(proof.restored.outcomes[0].status, Status::Pass, "{command}: {:?}", proof.restored.log);
    }
}

/// What people do around `pg_dump`, and what it writes for databases that are not as most are. All of it is whole.
#[tokio::test]
async fn what_is_odd_is_not_broken() {
    let lab = Lab::new();
    let server = lab.start().await;
    let content = "CREATE TABLE a (id int PRIMARY KEY, n text); CREATE TABLE b (id int REFERENCES a); \
        INSERT INTO a SELECT i, 'n' || i FROM generate_series(1, 50) i; INSERT INTO b SELECT id FROM a; \
        CREATE MATERIALIZED VIEW grouped AS SELECT id, n, count(*) FROM a GROUP BY id; \
        CREATE FUNCTION f() RETURNS SETOF a LANGUAGE sql BEGIN ATOMIC SELECT id, n FROM a GROUP BY id; END; \
        ALTER TABLE b ADD CONSTRAINT later FOREIGN KEY (id) REFERENCES a NOT VALID; \
        CREATE ROLE alice; ALTER SCHEMA public OWNER TO alice;";
    server.fill("odd", content).await;
    for command in [
        "pg_dump -Fc odd",
        "pg_dump -Ft odd",
        "pg_dump -Fc -n public odd",
        "pg_dump -n public odd",
        "pg_dump -Fc --inserts odd | cat",
        "echo 'SET session_replication_role = replica;'; pg_dump odd",
        "echo 'BEGIN;'; pg_dump --clean --if-exists odd; echo 'COMMIT;'",
        "pg_dump odd | sed 1,3d",
        "pg_dumpall -g; pg_dump odd",
        "pg_dumpall -g; pg_dump -C odd",
        "pg_dump -s odd; pg_dump -a odd",
        "pg_dump --section=pre-data odd; pg_dump --section=data odd; pg_dump --section=post-data odd",
        "pg_dump odd; echo '-- backup finished'",
    ] {
        let proof = lab.restore(&server.shell(command)).await.unwrap_or_else(|e| panic!("{command}: {e:?}"));
        let census = census(&proof, &[]).await;
        assert!(census.total() >= 100, "{command}: {}", census.summary());
    }
}

/// The archive without the mark that its first table with rows has any: one bit.
fn without_mark_for_data(archive: &[u8]) -> Vec<u8> {
    let table = archive.windows(10).position(|window| window == b"TABLE DATA").expect("a table with rows");
    // The number 1, and then the string 0 for the catalog that rows are not in.
    let mark = b"\0\x01\0\0\0\0\x01\0\0\x000";
    let at = archive[..table].windows(mark.len()).rposition(|window| window == mark).expect("a mark for data");
    let mut changed = archive.to_vec();
    changed[at + 1] = 0;
    changed
}

#[tokio::test]
async fn damage_is_the_backups() {
    let lab = Lab::new();
    let server = shop(&lab).await;
    let gzip = server.dump("shop", &["-Fc"]).await;
    let plain = server.dump("shop", &[]).await;
    let crlf: Vec<u8> = gzip.iter().flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] }).collect();
    let flipped = |at: usize| {
        let mut dump = gzip.clone();
        dump[at] ^= 0x10;
        dump
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("cut in half", gzip[..gzip.len() / 2].to_vec(), "cut short: "),
        ("without its last byte", gzip[..gzip.len() - 1].to_vec(), "cut short: "),
        ("cut in its header", gzip[..30].to_vec(), "the archive is cut short within its header"),
        ("one bit in the rows", flipped(gzip.len() * 3 / 4), "damaged: the rows of "),
        ("twice in one file", [gzip.clone(), gzip.clone()].concat(), "more than a dump: another archive stands behind the end"),
        ("more behind its end", [&gzip[..], b"\n"].concat(), "more than a dump: something stands behind the end"),
        ("one bit in its contents", without_mark_for_data(&gzip), "damaged: "),
        ("sent as text", crlf, "the archive's header is damaged"),
        ("empty", Vec::new(), "the payload is empty"),
        ("a web page", b"<!DOCTYPE html><p>Sign in".to_vec(), "this is no PostgreSQL dump but an HTML page"),
        ("plain, cut in half", plain[..plain.len() / 2].to_vec(), "cut short: "),
        ("plain, without its last lines", plain[..plain.len() - 200].to_vec(), "cut short: "),
        ("plain, without its last 20 bytes", plain[..plain.len() - 20].to_vec(), "cut short: "),
        ("plain, without its last byte", plain[..plain.len() - 1].to_vec(), "cut short: "),
        ("plain, a row damaged", replaced(&plain, "\n7\tuser 7\t", "\n7 user 7\t"), "damaged: "),
        ("plain, a statement lost", replaced(&plain, "CREATE TABLE public.users (", "("), "damaged: "),
        ("plain, a name damaged", replaced(&plain, "CREATE TABLE public.users (", "CREATE TABLE public.ufers ("), "damaged: "),
    ];
    for (what, dump, message) in cases {
        let error = blamed(&lab, what, &dump).await;
        assert_eq!(error.blame, Blame::Backup, "{what}: {error:?}");
        assert!(error.message.starts_with(message), "{what}: {error:?}");
        let by_a_tool = error.evidence.iter().any(|line| line.contains("--dbname restored"));
        assert!(by_a_tool || !what.starts_with("plain, a "), "{what}: {error:?}");
        assert!(!format!("{error:?}").contains("user 7"), "{what} shows a value: {error:?}");
    }
}

#[tokio::test]
async fn a_crash_is_the_backups_when_listing_fails_too() {
    let dump = shop(&Lab::new()).await.dump("shop", &["-Fc"]).await;
    let list_works = "[ \"$1\" = -l ] && exit 0\n";
    for (crash, blame, message) in [
        ("kill -SEGV $$".to_owned(), Blame::Backup, "corrupt archive: pg_restore cannot even list it (signal: 11"),
        (
            "echo out of memory >&2; exit 1".to_owned(),
            Blame::Backup,
            "corrupt archive: pg_restore cannot even list it (exit status: 1",
        ),
        (format!("{list_works}kill -SEGV $$"), Blame::Harness, "pg_restore was ended by signal 11"),
        (format!("{list_works}echo out of memory >&2; exit 1"), Blame::Harness, "out of memory"),
        ("kill -KILL $$".to_owned(), Blame::Harness, "pg_restore was ended by signal 9"),
    ] {
        let lab = Lab::new().with_scripts(&[("pg_restore", &crash)]).await;
        let error = blamed(&lab, &crash, &dump).await;
        assert_eq!(error.blame, blame, "{crash}: {error:?}");
        assert!(error.message.starts_with(message), "{crash}: {error:?}");
    }
}

#[tokio::test]
async fn rows_that_break_their_constraints_are_findings_and_the_rest_is_measured() {
    let lab = Lab::new();
    let raw = shop(&lab).await.dump("shop", &["-Fc", "-Z0"]).await;
    let proof = lab.restore(&replaced(&raw, "8\tuser 8\t", "7\tuser 8\t")).await.expect("restored as far as it goes");
    let outcome = proof.restored.outcomes.iter().find(|o| o.check == "restore: constraint violated").expect("a finding");
    assert_eq!(outcome.status, Status::Fail);
    assert_eq!(proof.restored.outcomes[0].status, Status::Fail);
    assert!(proof.restored.log.iter().any(|line| line.class == "constraint_violated"), "{:?}", proof.restored.log);
    assert_eq!(census(&proof, &[]).await.count_of("public.users"), Some(300));
}

#[tokio::test]
async fn what_this_machine_lacks_is_not_the_backups() {
    let lab = Lab::new();
    let server = lab.start().await;
    let content = "CREATE EXTENSION hstore; CREATE TABLE t (h hstore); INSERT INTO t VALUES ('a=>1')";
    server.fill("shop", content).await;
    let custom = server.dump("shop", &["-Fc"]).await;
    let plain = server.dump("shop", &[]).await;

    // The healthy twin.
    let proof = lab.restore(&custom).await.expect("restored");
    let census = census(&proof, &[]).await;
    assert_eq!(
        (census.count_of("extensions"), census.count_of("functions"), census.count_of("rows")),
        (Some(1), Some(0), Some(1))
    );

    let text = String::from_utf8_lossy(&custom).contains("hstore");
    assert!(text, "the table of contents is not compressed");
    let mut renamed = custom;
    while renamed.windows(6).any(|window| window == b"hstore") {
        renamed = replaced(&renamed, "hstore", "hstorx");
    }
    let setting = replaced(&plain, "SET lock_timeout = 0;", "SET lock_timeout = 0;\nSET transaction_timeout = 0;");
    for (what, dump, message) in [
        ("an extension", renamed, "missing extension: this PostgreSQL 15 does not have hstorx"),
        ("a role", b"DO $$ BEGIN ALTER DATABASE restored OWNER TO alice; END $$;".to_vec(), "missing role: role \"alice\""),
        ("a newer server", setting, "unknown setting"),
    ] {
        let error = blamed(&lab, what, &dump).await;
        assert_eq!(error.blame, Blame::Harness, "{what}: {error:?}");
        assert!(error.message.starts_with(message) && error.hint.is_some(), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn a_dump_is_foreign_code_and_runs_without_rights() {
    let lab = Lab::new();
    // What psql itself would run is left out of a script. What the server can be told to run is not looked for: it runs here.
    let script = r"DO $do$ BEGIN EXECUTE $copy$COPY (SELECT 1) TO PROGRAM 'cd ..; id -u > ran_as;
          tr ''\0'' ''\n'' < /proc/self/environ | cut -d= -f1 | sort | tr ''\n'' '' '' > environment' $copy$; END $do$;
        CREATE TABLE t AS SELECT 1;";
    let proof = lab.restore(format!("SELECT 1;\n{script}").as_bytes()).await.expect("restored");
    let read = |name: &str| std::fs::read_to_string(proof.room.path().join(name)).expect(name);
    assert_eq!(read("ran_as").trim(), lab.runtime.user().uid().to_string());
    for name in read("environment").split_whitespace() {
        let known = ["HOME", "LANG", "LC_ALL", "PATH", "PWD", "TZ", "SHLVL", "OLDPWD", "_"].contains(&name);
        assert!(known || name.starts_with("PG"), "{name} was handed to foreign code");
    }
}

/// A view that is made of NULLs before it is dropped, because another kind of object depends on it and it on that.
const TO_CLEAN: &str = "CREATE VIEW circular AS SELECT id, name FROM users GROUP BY id; \
     CREATE FUNCTION f(circular) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
     CREATE OR REPLACE VIEW circular AS SELECT id, name, f(NULL) AS more FROM users GROUP BY id;";

#[tokio::test]
async fn a_dump_that_cleans_first_is_healthy() {
    let lab = Lab::new();
    let server = shop(&lab).await;
    for options in [&["--clean"][..], &["--clean", "--inserts"], &["--clean", "--if-exists"]] {
        let dump = server.dump("shop", options).await;
        let proof = lab.restore(&dump).await.unwrap_or_else(|e| panic!("{options:?}: {e:?}"));
        let outcomes: Vec<_> = proof.restored.outcomes.iter().map(|o| (o.check.as_str(), o.status)).collect();
        assert_eq!(outcomes, [("restore", Status::Pass)], "{options:?}: {:?}", proof.restored.log);
        assert_whole(&census(&proof, &[]).await, &format!("{options:?}"));
        assert!(!proof.room.path().join("payload").exists(), "a script never touches the disk");
    }
    connect(&server.instance, "shop").await.batch_execute(TO_CLEAN).await.expect("more to clean");
    let dump = server.dump("shop", &["--clean"]).await;
    let create_first =
        String::from_utf8_lossy(&dump).find("CREATE OR REPLACE VIEW") < String::from_utf8_lossy(&dump).find("DROP TABLE");
    assert!(create_first, "a view of NULLs is made before it is dropped");
    // Dumps of old servers also drop what is there.
    let dump = replaced(&dump, "DROP SCHEMA \"Strange Names\";", "DROP SCHEMA \"Strange Names\";\nDROP SCHEMA public;");
    let dump = replaced(&dump, "CREATE SCHEMA \"Strange Names\";", "CREATE SCHEMA \"Strange Names\";\nCREATE SCHEMA public;");
    let proof = lab.restore(&dump).await.expect("restored");
    assert_eq!(census(&proof, &[]).await.count_of("views"), Some(2));
}

#[tokio::test]
async fn a_broken_dump_that_cleans_first_is_broken() {
    let lab = Lab::new();
    let dump = shop(&lab).await.dump("shop", &["--clean"]).await;
    let last_drop = "DROP TABLE public.users;";
    for (what, dump, message) in [
        ("a row damaged", replaced(&dump, "\n7\tuser 7\t", "\n7 user 7\t"), "damaged: "),
        ("a statement lost", replaced(&dump, "CREATE TABLE public.users (", "("), "damaged: "),
        ("a drop damaged", replaced(&dump, last_drop, "DROP TABL\x01 public.users;"), "syntax error"),
        ("a table lost", replaced(&dump, "CREATE TABLE public.empty (", "CREATE TABLE public.emptx ("), "damaged: "),
        ("cut short", dump[..dump.len() - 200].to_vec(), "cut short: "),
    ] {
        let error = blamed(&lab, what, &dump).await;
        assert!(error.message.starts_with(message), "{what}: {error:?}");
        assert_eq!(error.blame, Blame::Backup, "{what}: {error:?}");
    }
}

#[tokio::test]
async fn a_full_disk_is_told_from_the_servers_log() {
    let lab = Lab::new();
    let line = "could not write to file \"pg_wal/xlogtemp.17\": No space left on device";
    let script = format!("DO $$ BEGIN RAISE LOG '{line}'; END $$;\nSELECT pg_terminate_backend(pg_backend_pid());\n");
    let error = blamed(&lab, "a full disk", script.as_bytes()).await;
    assert_eq!((error.blame, error.message), (Blame::Harness, format!("disk full: {line}")));
    assert!(error.evidence.first().is_some_and(|shown| shown.ends_with(line)), "{:?}", error.evidence);
    assert!(error.hint.is_some_and(|hint| hint.contains("scratch.dir")));
}

const ROLES: &str = r#"
CREATE ROLE alice;
CREATE ROLE "The ""Boss"" of all";
CREATE ROLE reader;
CREATE ROLE writer;
CREATE ROLE "default";
CREATE TABLE hers (id int, note text DEFAULT 'OWNER TO nobody');
ALTER TABLE hers OWNER TO alice;
INSERT INTO hers VALUES (1, E'x
; ALTER TABLE hers OWNER TO nobody;');
CREATE POLICY p ON hers FOR SELECT TO reader, "The ""Boss"" of all" USING (true);
GRANT SELECT ON hers TO reader, writer;
GRANT ALL ON SCHEMA public TO alice;
ALTER DEFAULT PRIVILEGES FOR ROLE writer GRANT SELECT ON TABLES TO "default";
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ SELECT 1 /* SET ROLE nobody; */ $$;
ALTER FUNCTION f() OWNER TO "The ""Boss"" of all";
COMMENT ON TABLE hers IS 'it''s; GRANT SELECT ON t TO nobody;';
"#;

#[tokio::test]
async fn roles_that_a_dump_names_are_made_first() {
    let lab = Lab::new();
    let server = lab.start().await;
    server.fill("shop", ROLES).await;
    let all = "5 roles are named but not in the dump: The \"Boss\" of all, alice, default, reader, writer";
    let policy = "2 roles are named but not in the dump: The \"Boss\" of all, reader";
    for (options, message) in
        [(&[][..], all), (&["--inserts"], all), (&["--use-set-session-authorization"], all), (&["-Fc"], policy)]
    {
        let proof = lab.restore(&server.dump("shop", options).await).await.expect("restored");
        let outcomes: Vec<_> = proof.restored.outcomes.iter().map(|o| (o.check.as_str(), o.status, o.message.as_str())).collect();
        let made = format!("{message}; made for this restore");
        assert_eq!(outcomes[1..], [("roles", Status::Pass, made.as_str())], "{options:?}: {:?}", proof.restored.log);
        let census = census(&proof, &[]).await;
        assert_eq!((census.count_of("public.hers"), census.count_of("policies")), (Some(1), Some(1)), "{options:?}");
        let client = connect(&proof.instance, &proof.restored.databases[0]).await;
        let login = "SELECT count(*) FROM pg_roles WHERE rolcanlogin";
        assert_eq!(client.query_one(login, &[]).await.expect("count").get::<_, i64>(0), 1, "{options:?}");
        let left = proof.room.path().join("schema.sql");
        assert!(!left.exists(), "{}", left.display());
    }
}

#[tokio::test]
async fn a_role_that_the_dump_makes_itself_is_not_made_before() {
    let lab = Lab::new();
    let script = "CREATE ROLE mine;\nCREATE TABLE t AS SELECT 1;\nALTER TABLE t OWNER TO mine;\nGRANT SELECT ON t TO other;\n";
    let proof = lab.restore(script.as_bytes()).await.expect("restored");
    let messages: Vec<_> = proof.restored.outcomes.iter().map(|o| o.message.as_str()).collect();
    assert_eq!(messages[1..], ["1 role is named but not in the dump: other; made for this restore"]);
}

fn question(query: &str) -> SqlCheck {
    let expect = "= 0".parse().expect("an expectation");
    SqlCheck { name: query.to_owned(), database: None, query: query.to_owned(), expect, timeout: Duration::from_secs(20) }
}

#[tokio::test]
async fn a_question_has_one_value_and_only_reads() {
    let lab = Lab::new();
    let server = lab.start().await;
    let sneak = "CREATE TABLE t (id int, name text); INSERT INTO t VALUES (1, 'Ann'), (2, NULL); \
                 CREATE FUNCTION sneak() RETURNS int LANGUAGE sql AS $$ DELETE FROM t RETURNING 1 $$";
    server.fill("shop", sneak).await;
    let proof = lab.restore(&server.dump("shop", &["-Fc"]).await).await.expect("restored");
    let subject = subject();
    let ask = async |query: &str| subject.query(&proof.restored, Some(&proof.instance), &question(query)).await;
    for (query, value) in [
        ("select count(*) from t", Some("2")),
        ("select name from t where id = 1", Some("Ann")),
        ("select name from t where id = 2", None),
        ("select name from t where id = 3", None),
        ("select true", Some("t")),
        ("select timestamptz '2026-11-21 01:00+01'", Some("2026-11-21 00:00:00+00")),
        ("select array[1, 2]", Some("{1,2}")),
        ("values (1);", Some("1")),
        ("select 7; -- of course", Some("7")),
    ] {
        assert_eq!(ask(query).await.expect(query).as_deref(), value, "{query}");
    }
    for (query, message) in [
        ("select id from t", "the query returns more than one row, one value is expected"),
        ("select 1, 2", "the query returns 2 columns, one value is expected"),
        ("select 1; select 2", "the server refuses the query: cannot insert multiple commands into a prepared statement"),
        ("commit", "the query returns no value"),
        ("commit; delete from t", "the server refuses the query: cannot insert multiple commands into a prepared statement"),
        ("delete from t returning id", "the server refuses the query: "),
        ("with d as (delete from t returning id) select * from d", "the server refuses the query: "),
        ("select sneak()", "the server refuses the query: cannot execute DELETE in a read-only transaction"),
        ("select set_config('transaction_read_only', 'off', false)", "the server refuses the query: "),
        ("select nme from t", "the server refuses the query: column \"nme\" does not exist (at character 8)"),
        ("select $1::int", "the query has parameters"),
        ("", "the query returns no value"),
    ] {
        let error = ask(query).await.expect_err(query);
        assert_eq!(error.blame, Blame::Scenario, "{query}: {error:?}");
        assert!(error.message.starts_with(message), "{query}: {error:?}");
    }
    let error = ask("select name::int from t where id = 1").await.expect_err("no number");
    assert!(!format!("{error:?}").contains("Ann"), "{error:?}");
    let client = connect(&proof.instance, &proof.restored.databases[0]).await;
    assert_eq!(client.query_one("SELECT count(*) FROM t", &[]).await.expect("count").get::<_, i64>(0), 2);

    let slow = SqlCheck { timeout: Duration::from_millis(100), ..question("select pg_sleep(60)") };
    let began = Instant::now();
    let error = subject.query(&proof.restored, Some(&proof.instance), &slow).await.expect_err("too slow");
    assert_eq!((error.blame, error.message.as_str()), (Blame::Harness, "the query took longer than 100ms"));
    assert!(began.elapsed() < Duration::from_secs(10));
}
