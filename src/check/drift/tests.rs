//! Both sides of every bound.

use super::*;
use crate::census::Inventory;
use crate::check::tests::census;
use crate::scenario::{Limits, Tolerance};

fn check(against: Against, of: &str) -> DriftCheck {
    let of = Some(of.to_owned()).filter(|of| !of.is_empty());
    let (tolerances, groups, ignore) = (None, Vec::new(), Vec::new());
    DriftCheck { against, of, tolerances, groups, ignore, at_least: 2, vanished: Vanished::Fail }
}

fn limits(warn: Option<Tolerance>, fail: Option<Tolerance>) -> Limits<Tolerance> {
    Limits { warn, fail }
}

fn percent(share: f64) -> Tolerance {
    Tolerance::Share(Percent(share))
}

fn glob(text: &str) -> GlobMatcher {
    globset::Glob::new(text).expect("a glob").compile_matcher()
}

fn last_good(check: &DriftCheck, left: &[(&str, u64)], right: &[(&str, u64)]) -> Outcome {
    judge(check, &census(left), &census(right), "the last good run")
}

#[test]
fn without_tolerances_a_drop_is_judged_and_growth_is_not() {
    let rows = check(Against::LastGood, "rows");
    for (right, status) in
        [(95, Status::Pass), (94, Status::Warn), (80, Status::Warn), (79, Status::Fail), (0, Status::Fail), (900, Status::Pass)]
    {
        assert_eq!(last_good(&rows, &[("a.b", 100)], &[("a.b", right)]).status, status, "{right}");
    }
    let half = last_good(&rows, &[("a.b", 100)], &[("a.b", 50)]);
    assert_eq!(half.message, "all rows: 50, 50 (50%) fewer than the 100 in the last good run (and 1 more)");
    assert_eq!((half.measured.as_deref(), half.expected.as_deref()), (Some("-50%"), Some("at most 5% (warn), 20% (fail) fewer")));
    assert_eq!(half.evidence.len(), 2);
}

#[test]
fn the_live_system_moves_both_ways() {
    let rows = check(Against::Live, "rows");
    for (right, status) in [(102, Status::Pass), (103, Status::Warn), (97, Status::Warn), (111, Status::Fail), (89, Status::Fail)]
    {
        assert_eq!(judge(&rows, &census(&[("a.b", 100)]), &census(&[("a.b", right)]), "it").status, status, "{right}");
    }
}

#[test]
fn a_small_group_that_loses_much_is_found_in_a_large_total() {
    let rows = check(Against::LastGood, "rows");
    let outcome = last_good(&rows, &[("a.big", 100_000), ("a.small", 10)], &[("a.big", 100_000), ("a.small", 5)]);
    assert_eq!(outcome.status, Status::Fail);
    assert_eq!(outcome.message, "a.small: 5, 5 (50%) fewer than the 10 in the last good run");
}

#[test]
fn one_row_of_few_is_no_share_and_an_emptied_group_always_is() {
    let mut rows = check(Against::LastGood, "rows");
    assert_eq!(last_good(&rows, &[("a.b", 1000), ("a.few", 3)], &[("a.b", 1000), ("a.few", 2)]).status, Status::Pass);
    assert_eq!(last_good(&rows, &[("a.b", 1000), ("a.few", 3)], &[("a.b", 1000), ("a.few", 1)]).status, Status::Fail);
    assert_eq!(last_good(&rows, &[("a.b", 1000), ("a.one", 1)], &[("a.b", 1000), ("a.one", 0)]).status, Status::Fail);
    rows.at_least = 1;
    assert_eq!(last_good(&rows, &[("a.b", 1000), ("a.few", 3)], &[("a.b", 1000), ("a.few", 2)]).status, Status::Fail);
}

#[test]
fn groups_that_are_gone_are_named_whatever_their_size() {
    let mut rows = check(Against::LastGood, "");
    let (left, right) = ([("a.b", 1000), ("a.gone", 0)], [("a.b", 1000), ("a.new", 7)]);
    let outcome = last_good(&rows, &left, &right);
    assert_eq!((outcome.status, outcome.message.as_str()), (Status::Fail, "a.gone is gone: it had 0 rows in the last good run"));
    assert_eq!(outcome.evidence, ["a.new is new, with 7 rows"]);
    for (vanished, status) in [(Vanished::Warn, Status::Warn), (Vanished::Ignore, Status::Pass)] {
        rows.vanished = vanished;
        assert_eq!(last_good(&rows, &left, &right).status, status);
    }
    rows.vanished = Vanished::Fail;
    rows.ignore = vec![glob("a.g*")];
    assert_eq!(last_good(&rows, &left, &right).status, Status::Pass);
}

#[test]
fn a_group_can_have_tolerances_of_its_own() {
    let mut rows = check(Against::LastGood, "rows");
    let wide = Tolerances { drop: limits(None, Some(percent(90.0))), ..Tolerances::default() };
    rows.groups = vec![(glob("a.queue"), wide)];
    let left = [("a.b", 100_000), ("a.queue", 100)];
    assert_eq!(last_good(&rows, &left, &[("a.b", 100_000), ("a.queue", 10)]).status, Status::Pass);
    assert_eq!(last_good(&rows, &left, &[("a.b", 100_000), ("a.queue", 9)]).status, Status::Fail);
}

#[test]
fn numbers_and_growth_are_judged_when_asked_for() {
    let mut rows = check(Against::LastGood, "rows");
    rows.tolerances = Some(Tolerances {
        drop: limits(None, Some(Tolerance::Number(5))),
        growth: limits(Some(percent(100.0)), None),
        ..Tolerances::default()
    });
    for (right, status) in [(95, Status::Pass), (94, Status::Fail), (200, Status::Pass), (201, Status::Warn)] {
        assert_eq!(last_good(&rows, &[("a.b", 100)], &[("a.b", right)]).status, status, "{right}");
    }
}

fn with(kind: &str, members: &[&str]) -> Census {
    let members: Vec<String> = members.iter().map(|name| (*name).to_owned()).collect();
    let inventory = vec![Inventory { kind: kind.into(), count: members.len() as u64, members, named_by: 0 }];
    Census { inventory, ..census(&[("a.b", 1)]) }
}

#[test]
fn names_are_judged_by_which_are_gone_and_new() {
    let mut records = check(Against::Live, "records");
    let (left, right) = (with("records", &["A www", "MX @", "TXT @"]), with("records", &["A www", "MX @", "A old"]));
    let outcome = judge(&records, &left, &right, "the live system");
    assert_eq!(outcome.status, Status::Fail);
    assert_eq!(outcome.message, "of the records, 1 is missing (TXT @), 1 is extra (A old), beside the live system");
    assert_eq!(outcome.evidence, ["missing: TXT @", "extra: A old"]);
    for (most, status) in [(2, Status::Pass), (1, Status::Warn)] {
        records.tolerances = Some(Tolerances { change: limits(Some(Tolerance::Number(most)), None), ..Tolerances::default() });
        assert_eq!(judge(&records, &left, &right, "it").status, status);
    }
    records.ignore = vec![glob("TXT*"), glob("A old")];
    assert_eq!(judge(&records, &left, &right, "the live system").message, "the same 2 records as in the live system");
}

#[test]
fn a_member_whose_content_is_another_counts_once() {
    let named = |members: &[&str]| {
        let mut census = with("members", members);
        census.inventory[0].named_by = 2;
        Census { counted_in: "records".into(), ..census }
    };
    let left = named(&["A www 192.0.2.1", "A api 192.0.2.3", "A api 192.0.2.4", "MX @ 10 mx1", "TXT wwww x"]);
    let right = named(&["A www 192.0.2.9", "A api 192.0.2.5", "MX @ 10 mx1", "MX @ 20 mx2", "TXT www x"]);
    let mut members = check(Against::Live, "members");
    let outcome = judge(&members, &left, &right, "the live system");
    assert_eq!(outcome.status, Status::Fail);
    assert_eq!(
        outcome.evidence,
        [
            "missing: A api 192.0.2.4",
            "missing: TXT wwww x",
            "extra: MX @ 20 mx2",
            "extra: TXT www x",
            "changed: A api, 192.0.2.3 in the live system, 192.0.2.5 came back",
            "changed: A www, 192.0.2.1 in the live system, 192.0.2.9 came back",
        ]
    );
    assert_eq!(outcome.measured.as_deref(), Some("2 missing, 2 extra, 2 changed (120%)"));
    for (most, status) in [(6, Status::Pass), (5, Status::Warn)] {
        members.tolerances = Some(Tolerances { change: limits(Some(Tolerance::Number(most)), None), ..Tolerances::default() });
        assert_eq!(judge(&members, &left, &right, "it").status, status);
    }
    members.tolerances = None;
    let outcome = judge(&members, &named(&["A www 192.0.2.1"]), &named(&["A www 192.0.2.9"]), "the live system");
    assert_eq!(
        (outcome.status, outcome.message.as_str()),
        (Status::Fail, "of the members, 1 is changed (A www), beside the live system")
    );
}

#[test]
fn names_that_the_other_side_calls_changed_count_where_both_have_them() {
    let mut left = with(CHANGED, &["a.b", "a.c"]);
    left.groups = census(&[("a.b", 1), ("a.c", 1)]).groups;
    let right = census(&[("a.b", 1)]);
    let mut tables = check(Against::Live, "tables");
    tables.tolerances = Some(Tolerances { change: limits(Some(Tolerance::Number(1)), None), ..Tolerances::default() });
    let outcome = judge(&tables, &left, &right, "the live system");
    assert_eq!(outcome.status, Status::Warn);
    assert_eq!(outcome.message, "of the tables, 1 is missing (a.c), 1 is changed (a.b), beside the live system");
}

#[test]
fn tables_are_names_and_one_table_is_a_count() {
    let tables = check(Against::LastGood, "tables");
    let outcome = last_good(&tables, &[("a.b", 5), ("a.c", 5)], &[("a.b", 0)]);
    assert_eq!((outcome.status, outcome.measured.as_deref()), (Status::Fail, Some("1 gone, 0 new (50%)")));
    let one = check(Against::LastGood, "a.b");
    assert_eq!(last_good(&one, &[("a.b", 5), ("a.c", 5)], &[("a.b", 5)]).status, Status::Pass);
    assert_eq!(last_good(&one, &[("a.b", 5)], &[("a.c", 5)]).message, "a.b is gone: it had 5 rows in the last good run");
    assert_eq!(last_good(&check(Against::LastGood, "a.x"), &[("a.b", 5)], &[("a.b", 5)]).status, Status::Error);
}

#[test]
fn what_one_side_cannot_count_is_not_compared_and_not_green() {
    let rows = check(Against::Live, "rows");
    let mut left = with(UNREADABLE, &["a.secret"]);
    left.groups[0].count = 100;
    let right = census(&[("a.b", 100), ("a.secret", 9)]);
    let outcome = judge(&rows, &left, &right, "the live system");
    assert_eq!(outcome.status, Status::Warn);
    assert!(outcome.message.ends_with("a.secret"), "{}", outcome.message);
    let left = Census { inventory: Vec::new(), ..left };
    let mut right = with(UNCOUNTED, &["a.foreign"]);
    right.groups[0].count = 100;
    let outcome = judge(
        &rows,
        &Census { groups: [left.groups.clone(), census(&[("a.foreign", 3)]).groups].concat(), ..left },
        &right,
        "it",
    );
    assert_eq!(outcome.status, Status::Pass, "{}", outcome.message);
}

#[test]
fn a_first_run_is_neither_green_nor_red() {
    assert_eq!(nothing_yet(&check(Against::LastGood, "rows")).status, Status::Warn);
}
