use super::*;
use crate::check::Status;
use crate::report::evidence::MOST_REJECTED;
use crate::scenario::{Limits, SizeRule, StoreSpec};
use crate::store::{Chunks, ReadError};
use async_trait::async_trait;
use jiff::ToSpan;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("now")
}

fn rule(key: &str) -> ArtifactRule {
    ArtifactRule {
        store: "b2".into(),
        // Anything but a folder.
        store_spec: StoreSpec::Dir("/mnt".into()),
        key: key.parse().expect("pattern"),
        age: Limits::default(),
        size: SizeRule::default(),
        cadence: None,
        retention: None,
    }
}

fn object(key: &str, size: u64) -> Object {
    let modified = now().checked_sub(1.hours()).expect("time");
    Object { key: key.into(), size, modified, etag: None }
}

/// Objects of one size, by their keys.
fn objects(keys: &[&str]) -> Vec<Object> {
    keys.iter().map(|key| object(key, 100)).collect()
}

fn chosen(selection: &Selection) -> Option<&str> {
    selection.artifact.as_ref().map(|a| a.object.key.as_str())
}

fn outcome<'s>(selection: &'s Selection, check: &str) -> &'s Outcome {
    selection.outcomes.iter().find(|o| o.check == check).unwrap_or_else(|| panic!("no outcome {check}"))
}

fn newest(rule: &ArtifactRule, objects: Vec<Object>) -> Selection {
    select(rule, objects, now(), &Want::Newest)
}

#[test]
fn the_newest_by_the_time_in_the_key_wins_in_any_order() {
    let mut keys = objects(&["a-20261120-030000", "a-20261121-030000", "a-20261119-030000"]);
    // A copy makes an old one look new.
    keys[2].modified = now();
    for _ in 0..3 {
        keys.rotate_left(1);
        let selection = newest(&rule("a-{timestamp}"), keys.clone());
        assert_eq!(chosen(&selection), Some("a-20261121-030000"));
        assert_eq!((selection.candidates, selection.whole_series, selection.rejected.len()), (3, true, 0));
    }
}

#[test]
fn ties_go_to_the_later_upload_then_to_the_key() {
    let rule = rule("a-{timestamp:%Y-%m-%dT%H:%M:%S%:z}");
    let mut same = objects(&["a-2026-11-21T05:00:00+02:00", "a-2026-11-21T03:00:00+00:00"]);
    assert_eq!(chosen(&newest(&rule, same.clone())), Some("a-2026-11-21T05:00:00+02:00"));
    // Later than the other, but not so late that it may still be written.
    same[1].modified = now().checked_sub(20.seconds()).expect("time");
    assert_eq!(chosen(&newest(&rule, same)), Some("a-2026-11-21T03:00:00+00:00"));
}

#[test]
fn without_a_time_in_the_key_the_upload_counts() {
    let selection = newest(&rule("latest.dump"), objects(&["latest.dump", "latest.dump.old"]));
    let artifact = selection.artifact.expect("artifact");
    assert_eq!((artifact.taken_from_key, artifact.taken), (false, now().checked_sub(1.hours()).expect("time")));
    assert_eq!(selection.rejected[0].key, "latest.dump.old");
}

#[test]
fn a_series_whose_name_begins_alike_is_never_picked() {
    let keys = objects(&["educationelly-20261101-030000", "educationelly-graphql-20261121-030000"]);
    let selection = newest(&rule("educationelly-{timestamp}"), keys);
    assert_eq!(chosen(&selection), Some("educationelly-20261101-030000"));
    assert!(selection.rejected[0].reason.contains("does not match"), "{:?}", selection.rejected);
}

#[test]
fn a_newer_object_that_is_no_backup_turns_it_red() {
    for (bad, reason) in [(object("a-20261121-030000", 0), "empty"), (object("a-20261123-030000", 9), "in the future")] {
        let selection = newest(&rule("a-{timestamp}"), vec![object("a-20261120-030000", 100), bad.clone()]);
        assert_eq!(chosen(&selection), Some("a-20261120-030000"));
        let outcome = outcome(&selection, "newest");
        assert_eq!(outcome.status, Status::Fail);
        assert!(outcome.message.contains(&bad.key) && outcome.message.contains(reason), "{}", outcome.message);
        assert!(selection.rejected[0].reason.contains(reason));
    }
    let older = newest(&rule("a-{timestamp}"), vec![object("a-20261120-030000", 100), object("a-20261119-030000", 0)]);
    assert!(older.outcomes.iter().all(|o| o.check != "newest"));
    assert_eq!(older.rejected.len(), 1);
}

#[test]
fn a_time_zone_is_no_reason_to_reject() {
    let selection = newest(&rule("a-{timestamp}"), objects(&["a-20261121-140000"]));
    assert_eq!(chosen(&selection), Some("a-20261121-140000"));
    assert_eq!(outcome(&selection, "age").status, Status::Warn);
}

#[test]
fn a_file_that_may_still_be_written_gives_way_to_an_older_one() {
    let rule = rule("a-{timestamp}");
    let mut keys = objects(&["a-20261120-030000", "a-20261121-030000"]);
    keys[1].modified = now().checked_sub(3.seconds()).expect("time");
    let selection = newest(&rule, keys.clone());
    assert_eq!(chosen(&selection), Some("a-20261120-030000"));
    assert_eq!(selection.rejected[0].reason, "it changed 3s ago and may still be written");
    assert_eq!(chosen(&newest(&rule, keys[1..].to_vec())), Some("a-20261121-030000"));
    keys[0].modified = now();
    assert_eq!(chosen(&newest(&rule, keys)), Some("a-20261121-030000"));
}

#[test]
fn nothing_there_nothing_that_matches_and_nothing_usable_are_told_apart() {
    let rule = rule("db/a-{timestamp}");
    let words = |objects: Vec<Object>| {
        let selection = newest(&rule, objects);
        assert!(selection.artifact.is_none());
        let outcome = outcome(&selection, "artifact").clone();
        assert_eq!((outcome.status, selection.outcomes.len()), (Status::Fail, 1));
        (outcome.message, outcome.evidence)
    };
    assert_eq!(words(vec![]).0, "no backup: nothing in the store b2 starts with `db/a-`");
    let folder = object("db/a-old/", 0);
    assert_eq!(words(vec![folder]).0, "no backup: nothing in the store b2 starts with `db/a-`");
    let (message, names) = words(objects(&["db/a-1", "db/a-2", "db/a-3", "db/a-4"]));
    assert_eq!(message, "no backup: none of the 4 objects that start with `db/a-` matches db/a-{timestamp}");
    assert_eq!(names.len(), 3);
    let (message, reasons) = words(vec![object("db/a-20261121-030000", 0)]);
    assert_eq!(message, "no backup: the only object of the series cannot be used: it is empty");
    assert_eq!(reasons, ["db/a-20261121-030000: it is empty"]);
}

#[test]
fn at_a_time_the_newest_of_then_is_chosen_and_not_blamed_for_its_age() {
    let mut rule = rule("a-{timestamp}");
    rule.age.fail = Some(DAY);
    rule.cadence = Some(DAY);
    let keys = objects(&["a-20261110-030000", "a-20261115-030000", "a-20261121-030000"]);
    let at = |time: &str| select(&rule, keys.clone(), now(), &Want::At(time.parse().expect("time")));
    let selection = at("2026-11-15T03:00:00Z");
    assert_eq!(chosen(&selection), Some("a-20261115-030000"));
    assert!(selection.outcomes.iter().all(|o| o.status == Status::Pass), "{:?}", selection.outcomes);
    assert_eq!(chosen(&at("2026-11-15T02:59:59Z")), Some("a-20261110-030000"));
    let selection = at("2026-11-01T00:00:00Z");
    assert!(outcome(&selection, "artifact").message.ends_with("the oldest is of 2026-11-10 03:00:00 UTC"));
}

#[test]
fn the_series_is_judged() {
    let mut rule = rule("a-{timestamp}");
    rule.size.drop.fail = Some("20%".parse().expect("percent"));
    rule.cadence = Some(DAY);
    rule.retention = Some(DAY * 30);
    let mut keys = objects(&["a-20261121-030000", "a-20261120-030000", "a-20261117-030000", "a-20261116-030000"]);
    keys[0].size = 70;
    let selection = newest(&rule, keys);
    assert_eq!(outcome(&selection, "size").status, Status::Fail);
    let cadence = outcome(&selection, "cadence");
    assert!(cadence.message.contains("from 2026-11-17 03:00:00 UTC to 2026-11-20 03:00:00 UTC (3d)"), "{}", cadence.message);
    assert!(outcome(&selection, "retention").message.starts_with("4 backups back to 2026-11-16"));
    assert_eq!(outcome(&selection, "age").status, Status::Pass);
}

#[test]
fn an_empty_object_is_a_hole_in_the_series() {
    let mut rule = rule("a-{timestamp}");
    rule.cadence = Some(DAY);
    let mut keys = objects(&["a-20261121-030000", "a-20261120-030000", "a-20261119-030000"]);
    assert_eq!(outcome(&newest(&rule, keys.clone()), "cadence").status, Status::Pass);
    keys[1].size = 0;
    assert_eq!(outcome(&newest(&rule, keys), "cadence").status, Status::Warn);
}

#[test]
fn many_rejected_are_counted_and_the_telling_ones_named() {
    let mut keys: Vec<_> = (0..5000).map(|n| object(&format!("a-{n}"), 1)).collect();
    keys.insert(17, object("a-20261121-030000", 0));
    keys.push(object("a-20261120-030000", 1));
    let rejected = newest(&rule("a-{timestamp}"), keys).rejected;
    assert_eq!(rejected.len(), MOST_REJECTED);
    assert_eq!((rejected[0].key.as_str(), rejected[0].reason.as_str()), ("a-20261121-030000", "it is empty"));
    assert_eq!(rejected[MOST_REJECTED - 1].key, "(4 982 more)");
}

/// Remembers what was asked of it.
struct Listed {
    objects: Vec<Object>,
    asked: Mutex<Vec<Option<String>>>,
}

#[async_trait]
impl Store for Listed {
    fn location(&self) -> String {
        "s3://b/".into()
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, visit: &mut (dyn FnMut(Object) + Send)) -> Result<()> {
        self.asked.lock().expect("lock").push(start_after.map(str::to_owned));
        let listed = self.objects.iter().filter(|o| o.key.starts_with(prefix));
        listed.filter(|o| start_after.is_none_or(|after| o.key.as_str() > after)).cloned().for_each(visit);
        Ok(())
    }

    async fn read(&self, _: &Object, _: Range<u64>) -> Result<Chunks, ReadError> {
        Err(ReadError::Final(Error::harness("not read here")))
    }
}

async fn found(rule: &ArtifactRule, keys: &[&str], want: &Want) -> (Result<Selection>, Vec<Option<String>>) {
    let store = Listed { objects: objects(keys), asked: Mutex::default() };
    let result = find(&store, rule, want, now()).await;
    (result, store.asked.into_inner().expect("lock"))
}

#[tokio::test]
async fn the_newest_part_is_listed_alone_where_that_is_enough() {
    let mut rule = rule("a-{timestamp}");
    rule.age.fail = Some(DAY);
    let keys = ["a-20261120-030000", "a-20261121-030000", "a-20261001-030000"];
    let (selection, asked) = found(&rule, &keys, &Want::Newest).await;
    let selection = selection.expect("selection");
    assert_eq!((chosen(&selection), selection.whole_series), (Some("a-20261121-030000"), false));
    assert_eq!(asked, [rule.key.start_after("2026-11-18T12:00:00Z".parse().expect("time"))]);
    assert!(asked[0].is_some());
    let (selection, asked) = found(&rule, &keys[2..], &Want::Newest).await;
    let selection = selection.expect("selection");
    assert_eq!((chosen(&selection), selection.whole_series, asked.len()), (Some("a-20261001-030000"), true, 2));
    assert_eq!(outcome(&selection, "age").status, Status::Fail);
}

#[tokio::test]
async fn what_needs_the_whole_series_lists_it() {
    let plain = rule("a-{timestamp}");
    let aged = ArtifactRule { age: Limits { warn: Some(DAY), fail: None }, ..plain.clone() };
    let drop = SizeRule { min: None, drop: Limits { warn: Some("5%".parse().expect("percent")), fail: None } };
    for rule in [
        plain.clone(),
        ArtifactRule { cadence: Some(DAY), ..aged.clone() },
        ArtifactRule { retention: Some(DAY), ..aged.clone() },
        ArtifactRule { size: drop, ..aged.clone() },
        ArtifactRule { key: "a-{timestamp:%d%m%Y}".parse().expect("pattern"), ..aged.clone() },
    ] {
        let (_, asked) = found(&rule, &["a-20261121-030000"], &Want::Newest).await;
        assert_eq!(asked, [None], "{rule:?}");
    }
}

#[tokio::test]
async fn a_wanted_key_must_be_there_and_may_be_of_no_series() {
    let mut rule = rule("a-{timestamp}");
    rule.age.fail = Some(DAY);
    let keys = ["a-20261001-030000", "a-20261001-030000.bak", "a-20261121-030000"];
    for (key, from_key) in [("a-20261001-030000", true), ("a-20261001-030000.bak", false)] {
        let (selection, _) = found(&rule, &keys, &Want::Key(key.into())).await;
        let selection = selection.expect("selection");
        assert_eq!(chosen(&selection), Some(key));
        assert_eq!(selection.artifact.as_ref().map(|a| a.taken_from_key), Some(from_key));
        assert!(selection.outcomes.iter().all(|o| o.status == Status::Pass), "{:?}", selection.outcomes);
    }
    let (result, _) = found(&rule, &keys, &Want::Key("a-2026".into())).await;
    assert_eq!(result.expect_err("not there").message, "there is no object a-2026 in s3://b/");
}

#[test]
fn a_million_objects_cost_sixteen_bytes_each() {
    let mut rule = rule("a-{timestamp:%s}");
    rule.retention = Some(DAY);
    let want = Want::Newest;
    let mut series = Series::new(&rule, &want, now());
    for n in 0..20_000 {
        series.visit(object(&format!("a-{}", 1_700_000_000 + n), 1));
    }
    assert!(series.backups.capacity() * size_of::<(i64, u64)>() <= 40 * 20_000);
    let selection = series.finish(true);
    assert_eq!((selection.candidates, chosen(&selection)), (20_000, Some("a-1700019999")));
}
