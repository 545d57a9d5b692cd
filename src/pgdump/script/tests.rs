use super::*;
use crate::pgdump::{Blind, Cause, Database};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A small dump of `pg_dump`, with one of many things.
const DUMP: &str = include_str!("../../../tests/fixtures/good/postgres/shop-15-clean.sql");
const INSERTS: &str = include_str!("../../../tests/fixtures/good/postgres/shop-18-inserts.sql");
const CLUSTER: &str = include_str!("../../../tests/fixtures/good/postgres/shop-18-dumpall.sql");

/// Reads in pieces of some odd size, so that everything is cut somewhere.
fn read(script: &[u8], rules: &mut Rules) -> (Script, String) {
    let mut out = Vec::new();
    let input = std::io::BufReader::with_capacity(61, script);
    let script = pass(input, &mut out, rules).expect("a pass");
    (script, String::from_utf8_lossy(&out).into_owned())
}

fn all_rules() -> Rules {
    let known = ["assay".to_owned()].into();
    Rules {
        roles: Some(Roles { known, superuser: "assay".to_owned() }),
        clean: Some(["public".to_owned(), "plpgsql".to_owned()].into()),
        databases: Some(Databases { known: ["restored".to_owned()].into(), locales: Locales::default() }),
        commands: true,
        tablespaces: true,
        ..Rules::default()
    }
}

fn rewritten(script: &str) -> String {
    read(script.as_bytes(), &mut all_rules()).1
}

fn causes(script: &[u8]) -> Vec<Cause> {
    survey(script).expect("survey").damages.into_iter().map(|damage| damage.cause).collect()
}

fn by_pg_dump(body: &str) -> String {
    format!("--\n-- PostgreSQL database dump\n--\n\n{body}\n--\n-- PostgreSQL database dump complete\n--\n\n")
}

#[test]
fn a_healthy_script_has_no_damage() {
    let public = "CREATE TABLE public.t (a integer, b text);\n";
    let rows = "COPY public.t (a, b) FROM stdin;\n1\t\\N\n\\.\n";
    let globals = "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE a;\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n";
    for script in [
        DUMP.to_owned(),
        INSERTS.to_owned(),
        CLUSTER.to_owned(),
        by_pg_dump(&format!("{public}{rows}")),
        by_pg_dump(""),
        // Only definitions, only rows, and both in one file.
        by_pg_dump(public),
        by_pg_dump(rows),
        by_pg_dump(public) + &by_pg_dump(rows),
        // Roles, then databases that each make their own.
        globals.to_owned() + &by_pg_dump(public),
        globals.to_owned() + &by_pg_dump(&format!("\\connect a\n{public}")) + &by_pg_dump(&format!("\\connect b\n{public}")),
        // By hand, before, behind and instead of a dump.
        format!("BEGIN;\n{}COMMIT;\n", by_pg_dump(public)),
        format!("{}ANALYZE;\nGRANT SELECT ON public.t TO a;\n", by_pg_dump(public)),
        "\u{feff}create table t (a int)".to_owned(),
        format!("/* by hand */ \\set x 1\r\n{public}insert into t values (1, 'a\r\nb');\r\n"),
        "COPY t FROM stdin WITH (FORMAT csv);\n1,\"a\nb\"\n\\.\n".to_owned(),
        "-- Adminer 4.8.1 PostgreSQL dump\n\nDROP TABLE IF EXISTS t;\n(SELECT 1);\n".to_owned(),
        "CREATE TABLE t (a text);\n\\copy t from stdin\nit's\n\\.\n".to_owned(),
        // Rows of a table that belongs to an extension.
        by_pg_dump(&format!("CREATE EXTENSION postgis;\n{public}COPY public.spatial_ref_sys (a) FROM stdin;\n1\n\\.\n")),
        // A table without rows, among INSERT statements.
        by_pg_dump(&format!("{public}-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -\n")),
    ] {
        assert_eq!(survey(script.as_bytes()).expect("survey").damages, [], "{script}");
    }
}

#[test]
fn every_cut_is_told() {
    for script in [DUMP, INSERTS, CLUSTER] {
        let damaged = |length: usize| !survey(&script.as_bytes()[..length]).expect("survey").damages.is_empty();
        let step = if cfg!(debug_assertions) { 7 } else { 1 };
        let lengths = (0..script.len()).step_by(step).chain(script.len().saturating_sub(300)..script.len());
        let whole: Vec<_> = lengths.filter(|length| !damaged(*length)).collect();
        assert_eq!(whole, [0; 0]);
    }
}

#[test]
fn what_is_wrong_is_told_by_its_cause() {
    let copy = "CREATE TABLE public.t (a integer, b text);\nCOPY public.t (a, b) FROM stdin;\n1\tx\n2\ty\n\\.\n";
    let whole = by_pg_dump(copy);
    let edit = |from: &str, to: &str| whole.replacen(from, to, 1);
    for (what, script, cause) in [
        ("a torn row", edit("2\ty", "2"), Cause::Changed),
        ("a message among rows", edit("2\ty", "pg_dump: error: x\n2\ty"), Cause::Changed),
        ("a carriage return among rows", edit("2\ty", "2\ty\r"), Cause::Changed),
        ("a message between statements", edit("COPY", "pg_dump: error: x\nCOPY"), Cause::Changed),
        ("a stray end of rows", edit("FROM stdin;\n1", "FROM stdin:\n1"), Cause::Changed),
        ("zeros", edit("2\ty", "2\t\0\0"), Cause::Changed),
        ("a table's rows under another name", edit("COPY public.t ", "COPY public.u "), Cause::Changed),
        ("a command of psql", edit("COPY", "\\! true\nCOPY"), Cause::Changed),
        ("rubbish behind", whole.clone() + "rubbish", Cause::Behind),
        ("rubbish behind that ends", whole.clone() + "rubbish;\n", Cause::Behind),
        ("rows behind", whole.clone() + "3\tz\n\\.\n", Cause::Behind),
        ("a message behind", whole.clone() + "pg_dump: warning: x\n", Cause::Behind),
        ("twice", whole.clone() + &whole, Cause::Behind),
        ("the tail of a longer one", whole.clone() + "-- Name: u; Type: TABLE; Schema: public; Owner: -\n", Cause::Behind),
        ("another end", whole.clone() + "--\n-- PostgreSQL database dump complete\n--\n\n", Cause::Behind),
        ("an open restriction", by_pg_dump(&format!("\\restrict abc\n{copy}")), Cause::Cut),
        ("another key", by_pg_dump(&format!("\\restrict abc\n{copy}\\unrestrict abd\n")), Cause::Changed),
        ("an announced index", by_pg_dump(&format!("{copy}-- Name: i; Type: INDEX; Schema: public; Owner: -\n")), Cause::Changed),
        (
            "announced rows",
            by_pg_dump(&format!("{copy}-- Data for Name: u; Type: TABLE DATA; Schema: public; Owner: -\n")),
            Cause::Changed,
        ),
        ("no SQL", "hello world;\n".to_owned(), Cause::Unknown),
        ("a message alone", "pg_dump: error: connection refused\n".to_owned(), Cause::Unknown),
        ("a comment alone", "-- nothing\n".to_owned(), Cause::Cut),
        ("an open quote by hand", "INSERT INTO t VALUES ('a".to_owned(), Cause::Cut),
        ("open rows by hand", "COPY t FROM stdin;\n1\n".to_owned(), Cause::Cut),
    ] {
        assert_eq!(causes(script.as_bytes()).first(), Some(&cause), "{what}");
    }
    let latin1 = by_pg_dump("SET client_encoding = 'UTF8';\nCREATE TABLE t ();\n").replace("CREATE", "-- \u{fc}\nCREATE");
    let latin1: Vec<u8> = latin1.chars().map(|c| u8::try_from(u32::from(c)).expect("latin-1")).collect();
    assert_eq!(causes(&latin1), [Cause::Changed]);
}

#[test]
fn everything_is_counted() {
    let script = "SET search_path TO s;\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (2);\nCOPY public.u FROM stdin;\n1\n\\.\n\
        COPY c FROM stdin CSV;\n\"a\nb\"\n\\.\nINSERT INTO q SELECT 1;\nSELECT lo_create(1);\nSELECT lo_create(2);\n\
        ALTER TABLE p ATTACH PARTITION t DEFAULT;\n\\connect other\nINSERT INTO \"T x\" VALUES (1);\n";
    let Script { survey, author, has_end_mark, connects, .. } = read(script.as_bytes(), &mut Rules::default()).0;
    let first = Database {
        tables: BTreeMap::from([("s.t".into(), 2), ("public.u".into(), 1)]),
        large_objects: 2,
        partitions: BTreeMap::from([("s.t".into(), "s.p".into())]),
        ..Database::default()
    };
    let tables = BTreeMap::from([("public.T x".into(), 1)]);
    let second = Database { name: Some("other".into()), tables, ..Database::default() };
    assert_eq!(survey.databases, [first, second]);
    assert_eq!(survey.blind, [Blind::ChangedRow, Blind::LostLines, Blind::LostEnd].into());
    assert_eq!((author, has_end_mark, connects), (Author::Other, false, vec!["other".to_owned()]));
    let dump = survey_of(DUMP);
    let names = |kind: &str| dump.databases[0].objects[kind].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(names("constraints")[1..3], ["public.customers.customers_pkey", "public.orders.orders_customer_id_fkey"]);
    assert_eq!((names("sequences"), names("views")), (vec!["public.orders_id_seq"], vec!["public.revenue"]));
    assert!(!dump.blind.contains(&Blind::LostEnd));
}

fn survey_of(script: &str) -> Survey {
    survey(script.as_bytes()).expect("survey")
}

#[test]
fn roles_that_nobody_has_are_made() {
    let mut rules = all_rules();
    let script = "CREATE ROLE a;\nCREATE ROLE assay;\nALTER ROLE assay WITH NOLOGIN;\nALTER ROLE a WITH LOGIN PASSWORD 'secret' VALID UNTIL 'x';\n\
        ALTER TABLE t\n  OWNER TO \"B \"\"c\";\nGRANT SELECT ON t TO a, \"B \"\"c\", d;\nGRANT SELECT ON u TO d, PUBLIC;\n";
    let (found, out) = read(script.as_bytes(), &mut rules);
    assert_eq!(
        out,
        "CREATE ROLE a;\n\n\nALTER ROLE a WITH LOGIN  VALID UNTIL 'x';\n\
        CREATE ROLE \"B \"\"c\" SUPERUSER NOLOGIN; ALTER TABLE t\n  OWNER TO \"B \"\"c\";\n\
        CREATE ROLE \"d\" SUPERUSER NOLOGIN; GRANT SELECT ON t TO a, \"B \"\"c\", d;\nGRANT SELECT ON u TO d, PUBLIC;\n"
    );
    assert_eq!(found.roles_added, ["B \"c".to_owned(), "d".to_owned()].into());
    assert_eq!(found.roles_made, ["a".to_owned(), "assay".to_owned()].into());
    assert!(rules.roles.expect("roles").known.contains("d"));
    let given =
        "CREATE ROLE a; CREATE ROLE b; GRANT a TO b WITH INHERIT TRUE GRANTED BY c; GRANT SELECT ON t TO a GRANTED BY b;\n";
    let expected = given.replace("GRANT a", "CREATE ROLE \"c\" SUPERUSER NOLOGIN; GRANT a").replace("GRANTED BY c", "");
    assert_eq!(rewritten(given), expected);
    // A role that a block may have made.
    let out = rewritten("DO $$ BEGIN CREATE ROLE a; END $$;\nSET ROLE a;\n");
    assert!(out.ends_with("\nDO $assay$ BEGIN CREATE ROLE \"a\" SUPERUSER NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $assay$; SET ROLE a;\n"), "{out}");
}

#[test]
fn what_drops_before_anything_is_made_is_left_out() {
    let drops = "ALTER TABLE ONLY public.t DROP CONSTRAINT \"a;b\";\nALTER TABLE public.t ALTER COLUMN id\n  DROP DEFAULT;\nDROP TABLE public.t;\n\
        SELECT pg_catalog.lo_unlink('16400');\nCREATE OR REPLACE VIEW public.v AS\nSELECT\n    NULL::integer AS x;\nDROP DATABASE shop;\nDROP ROLE a;\n";
    let kept = "DROP SCHEMA public;\n";
    let rest = "CREATE SCHEMA IF NOT EXISTS public;\nCREATE TABLE t ();\nDROP TABLE t;\nCREATE OR REPLACE VIEW v AS SELECT 1;\n";
    let blank = "\n".repeat(drops.matches('\n').count());
    assert_eq!(rewritten(&by_pg_dump(&format!("{drops}{kept}{rest}"))), by_pg_dump(&format!("{blank}{kept}{rest}")));
    let by_hand = "CREATE OR REPLACE VIEW public.v AS SELECT NULL::integer AS x;\n";
    assert_eq!(rewritten(by_hand), by_hand);
    let next = format!("CREATE TABLE t ();\n\\connect other\n{}CREATE TABLE t ();\n", "DROP TABLE t;\n");
    assert_eq!(rewritten(&next), next.replace("DROP TABLE t;", ""));
}

#[test]
fn databases_and_tablespaces_are_fitted() {
    for (script, expected) in [
        ("CREATE DATABASE postgres WITH TEMPLATE = template0;\n", "\n"),
        ("DROP DATABASE IF EXISTS template1;\n", "\n"),
        ("CREATE DATABASE restored;\n", "\n"),
        ("CREATE DATABASE a LOCALE = 'de_DE.UTF-8' TABLESPACE = fast;\n", "CREATE DATABASE a LC_COLLATE = 'C' LC_CTYPE = 'C';\n"),
        ("CREATE TABLESPACE fast OWNER a LOCATION '/fast';\n", "\n"),
        ("GRANT ALL ON TABLESPACE fast TO a;\n", "\n"),
        ("SET default_tablespace = fast;\n", "SET default_tablespace = '';\n"),
        ("SET default_tablespace = '';\n", "SET default_tablespace = '';\n"),
        ("ALTER TABLE t SET TABLESPACE fast;\n", "\n"),
        ("ALTER DATABASE a SET default_tablespace TO 'fast';\n", "\n"),
    ] {
        assert_eq!(rewritten(script), expected, "{script}");
    }
}

#[test]
fn a_script_goes_on_without_an_extension() {
    let script = "CREATE EXTENSION IF NOT EXISTS pg_cron WITH SCHEMA pg_catalog;\nCOMMENT ON EXTENSION pg_cron IS 'jobs';\n\
                  CREATE EXTENSION hstore;\nCOMMENT ON EXTENSION hstore IS 'pg_cron';\n";
    let mut rules = Rules { without_extensions: ["pg_cron".to_owned()].into(), ..Rules::default() };
    let (found, out) = read(script.as_bytes(), &mut rules);
    assert_eq!(out, "\n\nCREATE EXTENSION hstore;\nCOMMENT ON EXTENSION hstore IS 'pg_cron';\n");
    assert_eq!(found.extensions, ["hstore".to_owned(), "pg_cron".to_owned()].into());
}

#[test]
fn a_script_reaches_no_further_than_its_database() {
    for (script, expected) in [
        ("\\connect shop alice db.example.org\nSELECT 1;\n", "\\connect shop\nSELECT 1;\n"),
        ("\\connect 'host=db.example.org dbname=a\\'b'\n", "\\connect -reuse-previous=on \"dbname='a\\'b'\"\n"),
        ("\\connect template1\n", "\\connect template1\n"),
        ("\\connect - alice\nSELECT 1;\n", "\nSELECT 1;\n"),
        ("\\! rm x\nSELECT 1;\n", "\nSELECT 1;\n"),
        ("\\i other.sql\n\\set x `rm x`\n\\set x 1\n", "\n\n\\set x 1\n"),
        ("\\set ON_ERROR_STOP off\n\\restrict abc\n\\unrestrict abc\n", "\n\\restrict abc\n\\unrestrict abc\n"),
        ("COPY t FROM PROGRAM 'rm x';\nCOPY t (program) FROM stdin;\n1\n\\.\n", "\nCOPY t (program) FROM stdin;\n1\n\\.\n"),
    ] {
        assert_eq!(rewritten(script), expected, "{script}");
    }
    let found = read(b"\\! rm x\n", &mut all_rules()).0;
    assert_eq!(found.notes, ["the psql command \\! was left out"]);
}

proptest! {
    #[test]
    fn without_rules_a_script_passes_through(bytes in prop::collection::vec(any::<u8>(), 0..400),
        words in r#"((ALTER|OWNER|TO|GRANT|DROP|TABLE|SET|ROLE|CREATE|DATABASE|COPY a FROM stdin;|\\connect|\\\.|'|"|\$\$|--|\(|\)|;|a)[ \n]){0,60}"#) {
        for script in [&bytes, words.as_bytes(), &[words.as_bytes(), &bytes].concat()] {
            let mut out = Vec::new();
            pass(std::io::BufReader::with_capacity(7, script), &mut out, &mut Rules::default()).expect("a pass");
            prop_assert_eq!(&out, script);
        }
    }

    #[test]
    fn any_script_is_rewritten_the_same_wherever_it_was_cut(
        words in r#"((ALTER|OWNER|TO|GRANT|DROP|TABLE|SET|ROLE|CREATE|DATABASE|COPY a FROM stdin;|\\connect|\\\.|\\!|'|"|\$\$|--|\(|\)|;|a)[ \n]){0,60}"#, size in 1usize..50) {
        let (whole, out) = read(words.as_bytes(), &mut all_rules());
        let mut again = Vec::new();
        let other = pass(std::io::BufReader::with_capacity(size, words.as_bytes()), &mut again, &mut all_rules()).expect("a pass");
        prop_assert_eq!(out, String::from_utf8(again).expect("text"));
        prop_assert_eq!(whole, other);
    }
}
