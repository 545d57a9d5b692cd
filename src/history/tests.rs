//! Kept, found again, and never in the way.

use super::*;
use crate::census::Vantage;
use crate::check::tests::census;
use crate::report::sample;
use crate::verdict::{Depth, Verdict};

struct Place {
    dir: tempfile::TempDir,
    history: History,
}

fn place(keep: usize) -> Place {
    let dir = tempfile::tempdir().expect("tempdir");
    let history = History::new(&HistorySettings { dir: dir.path().join("reports/history"), keep });
    Place { dir, history }
}

/// A run at this minute over an artifact of this day.
fn run(minute: u32) -> RunRecord {
    let started: Timestamp = format!("2026-11-21T06:{minute:02}:00Z").parse().expect("time");
    RunRecord { id: format!("20261121-06{minute:02}00-0000"), started, ..sample::evidence().run }
}

fn record(day: u32, verdict: Verdict, rows: u64) -> ScenarioRecord {
    let mut record = sample::evidence().scenarios.remove(0);
    record.verdict = verdict;
    record.censuses = vec![census(&[("public.users", rows)])];
    record.artifact.as_mut().expect("artifact").taken = taken(day);
    record
}

fn taken(day: u32) -> Timestamp {
    format!("2026-11-{day:02}T03:00:00Z").parse().expect("time")
}

impl Place {
    fn keep(&self, minute: u32, asked: bool, record: &ScenarioRecord) {
        self.history.keep(&run(minute), asked, record).expect("kept");
    }

    fn rows_of_last_good(&self, day: u32) -> Option<u64> {
        let past = self.history.last_good("codetalk", taken(day)).expect("readable").found?;
        past.restored().map(crate::census::Census::total)
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("reports/history/codetalk")
    }
}

#[test]
fn the_last_good_run_is_of_an_earlier_artifact_and_passed() {
    let place = place(10);
    assert_eq!(place.rows_of_last_good(20), None);
    place.keep(1, false, &record(10, Verdict::Pass, 1));
    place.keep(2, false, &record(11, Verdict::Warn, 2));
    place.keep(3, false, &record(12, Verdict::Fail, 3));
    place.keep(4, false, &record(13, Verdict::Error, 4));
    place.keep(5, false, &ScenarioRecord { depth: Depth::Restored, ..record(14, Verdict::Pass, 5) });
    place.keep(6, true, &record(9, Verdict::Pass, 6));
    assert_eq!(place.rows_of_last_good(20), Some(2));
    assert_eq!(place.rows_of_last_good(11), Some(1), "the same artifact again is compared with the one before");
    assert_eq!(place.rows_of_last_good(10), Some(1), "the only one is compared with itself");
    assert_eq!(place.rows_of_last_good(9), None);
    let latest = place.history.latest("codetalk").expect("readable").found.expect("a run");
    assert_eq!((latest.run.as_str(), latest.record.depth), ("20261121-060500-0000", Depth::Restored));
    assert_eq!(place.history.last_proof("codetalk").expect("readable").found.expect("a proof").run, "20261121-060200-0000");
}

#[test]
fn what_it_was_compared_with_is_not_kept_twice() {
    let place = place(10);
    let mut compared = record(10, Verdict::Pass, 1);
    compared.censuses.push(crate::census::Census { vantage: Vantage::LastGood, ..census(&[("a.b", 9)]) });
    place.keep(1, false, &compared);
    let past = place.history.runs("codetalk", 5).expect("readable").found.remove(0);
    assert_eq!(past.record.censuses, compared.censuses[..1]);
    assert_eq!(past.record.artifact.expect("artifact").size, compared.artifact.expect("artifact").size);
}

#[test]
fn what_cannot_be_read_is_passed_over_and_named() {
    let place = place(10);
    place.keep(1, false, &record(10, Verdict::Pass, 1));
    let good = fs::read(place.folder().join("20261121-060100.000000-0000.json")).expect("read");
    let write = |name: &str, content: &[u8]| fs::write(place.folder().join(name), content).expect("write");
    write("20261121-060200.000000-0000.json", &good[..good.len() / 2]);
    let text = String::from_utf8_lossy(&good).into_owned();
    write("20261121-060300.000000-0000.json", text.replace(FORMAT, "assay.history/2").as_bytes());
    write("20261121-060400.000000-0000.json", b"{\"format\":\"other\"}");
    write("20261121-060500.000000-0000.json", b"");
    write(".20261121-060600.000000-0000.json.new", b"half");
    let found = place.history.last_good("codetalk", taken(20)).expect("readable");
    assert_eq!(found.found.expect("the good one").run, "20261121-060100-0000");
    assert_eq!(found.passed_over.len(), 4, "{:?}", found.passed_over);
    assert!(found.passed_over[2].ends_with("it is of version 2, and this assay knows version 1"), "{:?}", found.passed_over);
    assert!(found.passed_over[3].contains("it is damaged at line 1"), "{:?}", found.passed_over);
}

#[test]
fn a_file_cut_at_any_byte_is_never_taken_for_a_run() {
    let place = place(10);
    place.keep(1, false, &record(10, Verdict::Pass, 1));
    let path = place.folder().join("20261121-060100.000000-0000.json");
    let good = fs::read(&path).expect("read");
    // Without its last line break it is still whole.
    for end in 0..good.len() - 1 {
        fs::write(&path, &good[..end]).expect("write");
        assert_eq!(place.rows_of_last_good(20), None, "cut at {end}");
    }
}

#[test]
fn fields_that_are_not_known_yet_do_no_harm() {
    let place = place(10);
    place.keep(1, false, &record(10, Verdict::Pass, 1));
    let path = place.folder().join("20261121-060100.000000-0000.json");
    let text = fs::read_to_string(&path).expect("read").replacen("{\"format\"", "{\"news\":{\"a\":1},\"format\"", 1);
    fs::write(&path, text).expect("write");
    assert_eq!(place.rows_of_last_good(20), Some(1));
}

#[test]
fn runs_of_one_second_keep_their_order() {
    let place = place(10);
    for (millis, suffix) in [(100, "ffff"), (200, "0000")] {
        let started = run(1).started + jiff::SignedDuration::from_millis(millis);
        let run = RunRecord { id: format!("20261121-060100-{suffix}"), started, ..run(1) };
        place.history.keep(&run, false, &record(10, Verdict::Pass, 1)).expect("kept");
    }
    assert_eq!(place.history.latest("codetalk").expect("readable").found.expect("a run").run, "20261121-060100-0000");
}

#[test]
fn the_oldest_go_and_the_last_good_one_stays() {
    let place = place(3);
    place.keep(1, false, &record(1, Verdict::Pass, 1));
    place.keep(2, false, &record(2, Verdict::Pass, 2));
    for minute in 3..=8 {
        place.keep(minute, false, &record(minute, Verdict::Fail, 0));
    }
    let runs = place.history.runs("codetalk", 100).expect("readable").found;
    let minutes: Vec<_> = runs.iter().map(|past| past.started.to_string()[14..16].to_owned()).collect();
    assert_eq!(minutes, ["08", "07", "06", "02"]);
    assert_eq!(place.rows_of_last_good(20), Some(2));
    assert_eq!(place.history.runs("codetalk", 2).expect("readable").found.len(), 2);
}

#[test]
fn two_runs_at_once_keep_both() {
    let place = place(1000);
    std::thread::scope(|scope| {
        for worker in 0..4_u32 {
            let place = &place;
            scope.spawn(move || (0..10).for_each(|n| place.keep(worker * 10 + n, false, &record(10, Verdict::Pass, 1))));
        }
    });
    let found = place.history.runs("codetalk", 100).expect("readable");
    assert_eq!((found.found.len(), found.passed_over.len()), (40, 0));
    assert_eq!(fs::read_dir(place.folder()).expect("folder").count(), 40, "nothing half is left");
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_and_no_crash() {
    let place = place(10);
    fs::create_dir_all(place.dir.path().join("reports")).expect("mkdir");
    fs::write(place.dir.path().join("reports/history"), "a file").expect("write");
    let error = place.history.keep(&run(1), false, &record(1, Verdict::Pass, 1)).expect_err("a file is no folder");
    assert!(error.message.starts_with("cannot write the history ") && error.hint.is_some(), "{error:?}");
    assert!(place.history.last_good("codetalk", taken(1)).is_err());
}
