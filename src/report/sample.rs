//! A rich evidence made by hand, with one scenario of each verdict: the reports' tests and the committed samples use it.

use crate::census::{Census, Group, Inventory, Newest, Vantage};
use crate::check::{Outcome, Status};
use crate::report::evidence::{
    ArtifactRecord, Evidence, FORMAT, InstanceRecord, PayloadRecord, PhaseRecord, Rejected, RunRecord, ScenarioRecord, Summary,
};
use crate::run::Phase;
use crate::runtime::Isolation;
use crate::subject::{Fact, LogLine, Tool};
use crate::verdict::{Depth, Verdict};
use jiff::Timestamp;

/// One passed, one with a warning, one bad, one that could not be verified.
pub fn evidence() -> Evidence {
    let scenarios = vec![codetalk(), bookmarked(), ledger(), shop()];
    let run = RunRecord {
        id: "20261121-063000-3f9a".into(),
        started: at("2026-11-21T06:30:00Z"),
        written: at("2026-11-21T06:30:07Z"),
        complete: true,
        stopped_by: None,
        undelivered: Vec::new(),
        assay: "0.1.0".into(),
        host: "runner-1".into(),
    };
    Evidence { format: FORMAT.into(), run, summary: Summary::of(&scenarios), scenarios }
}

fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

/// A scenario with nothing in it yet.
pub fn empty(name: &str, verdict: Verdict, depth: Depth) -> ScenarioRecord {
    let tags = ["database".to_owned()];
    ScenarioRecord { verdict, depth, ..ScenarioRecord::new(name, "postgres", &tags, format!("scenarios/{name}.yaml:1")) }
}

/// A scenario that came as far as a restore.
fn restored(name: &str, verdict: Verdict, depth: Depth, size: u64) -> ScenarioRecord {
    let isolation =
        Isolation { listens: "unix socket".into(), user: "postgres".into(), network: "no restriction by this runtime".into() };
    ScenarioRecord {
        artifact: Some(artifact(name, size)),
        payload: Some(PayloadRecord {
            layers: vec!["gzip".into()],
            size: Some(size * 3),
            format: "custom".into(),
            facts: vec![Fact { name: "dumped from".into(), value: "PostgreSQL 15.18".into() }],
        }),
        instance: Some(InstanceRecord { runtime: "local".into(), engine: "postgres".into(), version: "15.18".into(), isolation }),
        tools: vec![Tool {
            name: "pg_restore".into(),
            version: "15.18".into(),
            call: "pg_restore -j 2 --no-owner --no-privileges --dbname codetalk payload".into(),
            exit: "exit status: 0".into(),
        }],
        rto_seconds: Some(0.42),
        rpo_seconds: Some(12_600.0),
        seconds: 1.31,
        not_tested: vec!["roles and their passwords: a dump of one database does not hold them".into()],
        ..empty(name, verdict, depth)
    }
}

fn artifact(name: &str, size: u64) -> ArtifactRecord {
    ArtifactRecord {
        store: "s3://my-backups/prod/".into(),
        key: format!("postgresql-backups/{name}-20261121-030000.dump"),
        size,
        taken: at("2026-11-21T03:00:00Z"),
        taken_from: "key".into(),
        etag: Some("\"9b2cf535f27731c974343645a3985328\"".into()),
        sha256: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
        candidates: 7,
        whole_series: true,
        rejected: vec![Rejected { key: format!("postgresql-backups/{name}-20261121-060000.dump"), reason: "it is empty".into() }],
    }
}

fn phases(statuses: [Status; 7]) -> Vec<PhaseRecord> {
    let order = [Phase::Select, Phase::Open, Phase::Start, Phase::Restore, Phase::Measure, Phase::Check, Phase::Teardown];
    let seconds = [0.021, 0.104, 0.12, 0.3, 0.05, 0.002, 0.031];
    let record = |((phase, status), seconds)| PhaseRecord {
        phase,
        status,
        seconds: if status == Status::Skipped { 0.0 } else { seconds },
    };
    order.into_iter().zip(statuses).zip(seconds).map(record).collect()
}

fn census() -> Census {
    let group = |name: &str, count, newest| Group { name: name.into(), count, newest };
    let newest = Newest { field: "created_at".into(), time: Some(at("2026-11-21T02:58:11Z")) };
    Census {
        vantage: Vantage::Restored,
        groups_are: "tables".into(),
        counted_in: "rows".into(),
        groups: vec![group("public.messages", 33_310, vec![newest]), group("public.users", 1257, Vec::new())],
        inventory: vec![Inventory { kind: "indexes".into(), count: 1, members: vec!["public.users_pkey".into()], named_by: 0 }],
        partitions: std::collections::BTreeMap::new(),
    }
}

fn codetalk() -> ScenarioRecord {
    ScenarioRecord {
        phases: phases([Status::Pass; 7]),
        checks: vec![
            Outcome::new("age", Status::Pass, "the artifact is 3h30m old").values("3h30m", "at most 26h"),
            Outcome::new("something restored", Status::Pass, "2 tables, 34 567 rows came back"),
            Outcome::new("count public.users", Status::Pass, "1 257 public.users came back").values("1257", ">= 100"),
            Outcome { seconds: Some(0.011), ..Outcome::new("sql negative totals", Status::Pass, "the query gave 0") }
                .values("0", "= 0"),
        ],
        censuses: vec![census()],
        ..restored("codetalk", Verdict::Pass, Depth::Checked, 1_258_291)
    }
}

/// The newest dump was cut short on its way into the store.
fn bookmarked() -> ScenarioRecord {
    let lines = [
        "pg_restore: processing data for table \"public.bookmarks\"",
        "pg_restore: error: could not read from input file: end of file",
        "pg_restore: detail: table data entry 3410",
        "pg_restore: detail: offset 411648 of 812233",
        "pg_restore: finished main parallel loop",
        "pg_restore: error: a worker process died unexpectedly",
        "pg_restore: terminated by user",
    ];
    let skipped = |check: &str| Outcome::new(check, Status::Skipped, "skipped, because the restore did not finish");
    ScenarioRecord {
        phases: phases([Status::Pass, Status::Pass, Status::Pass, Status::Fail, Status::Skipped, Status::Skipped, Status::Pass]),
        checks: vec![
            Outcome::new("age", Status::Pass, "the artifact is 3h30m old").values("3h30m", "at most 26h"),
            Outcome::new("restore", Status::Fail, "the archive is damaged: its data ends in the middle of table public.bookmarks")
                .hint("This backup cannot be restored. Take a new one now, and look at the job that uploads it: the file is shorter than what was dumped.")
                .evidence(lines),
            Outcome::new("size", Status::Fail, "it is 49% smaller than the median of the 6 backups before it")
                .values("402 KiB", "at least 630.6 KiB (the median of 788.2 KiB, less 20%)"),
            skipped("something restored"),
            skipped("count public.users"),
        ],
        tool_log: vec![LogLine { class: "corrupt_archive".into(), line: lines[1].into() }],
        ..restored("bookmarked", Verdict::Fail, Depth::Opened, 411_648)
    }
}

fn ledger() -> ScenarioRecord {
    ScenarioRecord {
        phases: phases([Status::Pass; 7]),
        checks: vec![
            Outcome::new("cadence", Status::Warn, "a backup is missing between 2026-11-18 and 2026-11-20")
                .values("a gap of 2d", "a backup every 1d")
                .hint("Look at the backup job's log of 2026-11-19."),
            Outcome::new("count tables", Status::Pass, "2 tables came back").values("2", ">= 2"),
        ],
        censuses: vec![census()],
        ..restored("ledger", Verdict::Warn, Depth::Checked, 88_402_113)
    }
}

/// The store refused.
fn shop() -> ScenarioRecord {
    ScenarioRecord {
        phases: phases([
            Status::Error,
            Status::Skipped,
            Status::Skipped,
            Status::Skipped,
            Status::Skipped,
            Status::Skipped,
            Status::Pass,
        ]),
        checks: vec![
            Outcome::new("select", Status::Error, "cannot list s3://my-backups/prod/: access denied (403 AccessDenied)")
                .hint("The key may need the permission to list this bucket; `assay doctor` shows which key is used."),
            Outcome::new("age", Status::Skipped, "skipped, because no artifact was found"),
        ],
        seconds: 0.21,
        ..empty("shop", Verdict::Error, Depth::Nothing)
    }
}

mod tests {
    use super::evidence;
    use crate::report::console::{Style, summary};
    use crate::report::evidence::schema;
    use crate::report::junit;
    use std::path::Path;

    /// The committed file holds this text; `UPDATE_GOLDEN=1` writes it instead.
    fn current(file: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports").join(file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
            std::fs::write(&path, text).expect("write");
        }
        let committed = std::fs::read_to_string(&path).expect(file);
        // Not assert_eq: two whole files in a message help nobody.
        assert!(committed == text, "reports/{file} is not current; UPDATE_GOLDEN=1 cargo test rewrites it");
    }

    fn pretty(value: &impl serde::Serialize) -> String {
        serde_json::to_string_pretty(value).expect("serialise") + "\n"
    }

    #[test]
    fn the_schema_and_the_samples_are_current() {
        let evidence = evidence();
        let style = Style { colour: false, width: 100, quiet: false };
        let folder = Path::new("reports/out").join(&evidence.run.id);
        current("evidence.schema.json", &pretty(&schema()));
        current("samples/evidence.json", &pretty(&evidence));
        current("samples/junit.xml", &junit::render(&evidence).expect("render"));
        current("samples/summary.txt", &summary(&evidence, Some(&folder), &style));
    }

    #[test]
    fn the_sample_is_valid_by_the_schema_and_a_wrong_one_is_not() {
        let schema = jsonschema::validator_for(&schema()).expect("a schema");
        let mut value = serde_json::to_value(evidence()).expect("serialise");
        let errors: Vec<_> = schema.iter_errors(&value).map(|e| e.to_string()).collect();
        assert_eq!(errors, [""; 0]);
        value["scenarios"][0]["verdict"] = "green".into();
        assert!(!schema.is_valid(&value));
    }
}
