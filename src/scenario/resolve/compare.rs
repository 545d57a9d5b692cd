//! `matches`, `drift` and `live`.

use super::collect::Collector;
use crate::scenario::field::{Field, Named, Spanned};
use crate::scenario::source::Place;
use crate::scenario::spec::{
    AgainstSpec, CountsSpec, DriftSection, GroupToleranceSection, LiveMongodbSection, LivePostgresSection, LiveSection,
    MatchesSpec, ToleranceSection, VanishedSpec,
};
use crate::scenario::{
    Against, Counts, DriftCheck, Limits, LiveMongodb, LivePostgres, LiveSpec, MatchesCheck, SubjectSpec, Tolerance, Tolerances,
    Vanished,
};
use globset::{Glob, GlobMatcher};
use std::path::Path;
use std::time::Duration;

/// A difference of one member is no share of anything.
const AT_LEAST: u64 = 2;
const LIVE_TIMEOUT: Duration = Duration::from_mins(1);

pub fn matches(spec: MatchesSpec, place: Place, collect: &mut Collector) -> MatchesCheck {
    let MatchesSpec::Options(section) = spec else { return MatchesCheck::default() };
    collect.require(section.against, place, "`matches`", "against");
    MatchesCheck { except: globs(section.except, "except", collect) }
}

pub fn drift(section: DriftSection, place: Place, live: bool, collect: &mut Collector) -> Option<DriftCheck> {
    let against = collect.require(section.against, place, "`drift`", "against");
    let of = collect.text(section.of, "of").map(|of| of.value);
    let asked = [&section.drop, &section.growth, &section.change].iter().any(|field| field.is_there());
    let tolerances = tolerances(section.drop, section.growth, section.change, collect);
    let groups = groups(section.tables, collect);
    let ignore = globs(section.ignore, "ignore", collect);
    let against = against?;
    if matches!(against.value, AgainstSpec::Live) && !live {
        let hint = "Say where the live system is, with a key of the scenario: `live: { postgres: { url: { env: LIVE_URL } } }`.";
        collect.wrong(against.place, "the scenario has no `live`", hint);
    }
    let against = match against.value {
        AgainstSpec::LastGood => Against::LastGood,
        AgainstSpec::Live => Against::Live,
    };
    let vanished = match section.vanished.value() {
        Some(VanishedSpec::Fail) | None => Vanished::Fail,
        Some(VanishedSpec::Warn) => Vanished::Warn,
        Some(VanishedSpec::Ignore) => Vanished::Ignore,
    };
    let tolerances = asked.then_some(tolerances);
    let at_least = section.at_least.value().unwrap_or(AT_LEAST);
    Some(DriftCheck { against, of, tolerances, groups, ignore, at_least, vanished })
}

fn tolerances(
    drop: Field<ToleranceSection>,
    growth: Field<ToleranceSection>,
    change: Field<ToleranceSection>,
    collect: &mut Collector,
) -> Tolerances {
    let drop = limits(drop, "drop", collect);
    for (key, limit) in [("warn", &drop.warn), ("fail", &drop.fail)] {
        if let Some(Spanned { value: Tolerance::Share(share), place }) = limit
            && share.0 >= 100.0
        {
            let hint = "Nothing can drop by more than 100%: write a smaller share, or leave the key out.";
            collect.wrong(*place, format!("`{key}` of `drop` would never be reached"), hint);
        }
    }
    let plain = |limits: Limits<Spanned<Tolerance>>| Limits {
        warn: limits.warn.map(|limit| limit.value),
        fail: limits.fail.map(|limit| limit.value),
    };
    let (growth, change) = (limits(growth, "growth", collect), limits(change, "change", collect));
    Tolerances { drop: plain(drop), growth: plain(growth), change: plain(change) }
}

fn limits(field: Field<ToleranceSection>, key: &str, collect: &mut Collector) -> Limits<Spanned<Tolerance>> {
    let Some(Spanned { value: section, place }) = field.given() else { return Limits::default() };
    if !section.warn.is_there() && !section.fail.is_there() {
        collect.wrong(place, format!("`{key}` has neither `warn` nor `fail`"), "Add one of them or both, such as `fail: 20%`.");
    }
    let (warn, fail) = (section.warn.given(), section.fail.given());
    match (warn.as_ref().map(|limit| limit.value), fail.as_ref().map(|limit| limit.value)) {
        (Some(Tolerance::Share(_)), Some(Tolerance::Share(_))) => {
            collect.ordered(
                warn.as_ref(),
                fail.as_ref(),
                |limit| if let Tolerance::Share(share) = limit { share.0 } else { 0.0 },
            );
        }
        (Some(Tolerance::Number(warns)), Some(Tolerance::Number(fails))) if fails < warns => {
            // Only the order matters.
            collect.ordered(warn.as_ref(), fail.as_ref(), |limit| if *limit == Tolerance::Number(warns) { 1.0 } else { 0.0 });
        }
        _ => {}
    }
    Limits { warn, fail }
}

fn groups(field: Field<Named<GroupToleranceSection>>, collect: &mut Collector) -> Vec<(GlobMatcher, Tolerances)> {
    let entries = field.value().map(|named| named.0).unwrap_or_default();
    let resolve = |(name, section): (Spanned<String>, Field<GroupToleranceSection>)| {
        let matcher = glob(&name, collect);
        let section = section.value()?;
        let tolerances = tolerances(section.drop, section.growth, section.change, collect);
        matcher.map(|matcher| (matcher, tolerances))
    };
    entries.into_iter().filter_map(resolve).collect()
}

fn globs(field: Field<Vec<Field<String>>>, key: &str, collect: &mut Collector) -> Vec<GlobMatcher> {
    let texts = field.value().unwrap_or_default();
    texts.into_iter().filter_map(|text| collect.text(text, key).and_then(|text| glob(&text, collect))).collect()
}

fn glob(text: &Spanned<String>, collect: &mut Collector) -> Option<GlobMatcher> {
    Glob::new(&text.value)
        .map_err(|error| {
            let message = format!("`{}` is not a glob: {}", text.value, error.kind());
            collect.wrong(text.place, message, "Write a name in which `*` stands for any text, such as \"public.log_*\".");
        })
        .ok()
        .map(|glob| glob.compile_matcher())
}

/// Keeps apart whether the key is there: a wrong one is told once.
pub fn live(
    field: Field<LiveSection>,
    subject: Option<&SubjectSpec>,
    root: Place,
    folder: &Path,
    collect: &mut Collector,
) -> Field<LiveSpec> {
    let Spanned { value: section, place } = match field {
        Field::Absent => return Field::Absent,
        Field::Bad => return Field::Bad,
        Field::Given(section) => section,
    };
    let place = if place == Place::default() { root } else { place };
    let live = match (section.mongodb, section.postgres) {
        (Field::Given(mongodb), Field::Absent) => {
            live_mongodb(mongodb.value, mongodb.place, folder, collect).map(LiveSpec::Mongodb)
        }
        (Field::Absent, Field::Given(postgres)) => {
            live_postgres(postgres.value, postgres.place, folder, collect).map(LiveSpec::Postgres)
        }
        (Field::Bad, _) | (_, Field::Bad) => None,
        (Field::Absent, Field::Absent) => {
            collect.wrong(place, "`live` names no system", "Add `mongodb` or `postgres`, with a `url`.");
            None
        }
        (Field::Given(_), Field::Given(_)) => {
            collect.wrong(place, "`live` names two systems", "Leave in it the one that the backup is of.");
            None
        }
    };
    let Some(live) = live else { return Field::Bad };
    let alike = matches!(
        (&live, subject),
        (_, None)
            | (LiveSpec::Mongodb(_), Some(SubjectSpec::Mongodb(_)))
            | (LiveSpec::Postgres(_), Some(SubjectSpec::Postgres(_)))
    );
    if !alike {
        collect.wrong(place, "`live` is a system of another kind than the backup", "Name the one that the backup is of.");
    }
    Field::Given(Spanned { value: live, place })
}

fn live_mongodb(section: LiveMongodbSection, place: Place, folder: &Path, collect: &mut Collector) -> Option<LiveMongodb> {
    collect.require(section.url.as_ref(), place, "`mongodb`", "url");
    let url = collect.secret(section.url, folder);
    let counts = counts(section.counts);
    let timeout = collect.duration(section.timeout, "timeout").unwrap_or(LIVE_TIMEOUT);
    let entries = section.older_than_backup.value().map(|named| named.0).unwrap_or_default();
    let time_field = |(collection, field)| time_field(&collection, field, ("database", "shop"), collect);
    let older_than_backup = entries.into_iter().filter_map(time_field).collect();
    Some(LiveMongodb { url: url?, counts, timeout, older_than_backup })
}

fn counts(field: Field<CountsSpec>) -> Counts {
    match field.value() {
        Some(CountsSpec::Exact) | None => Counts::Exact,
        Some(CountsSpec::Estimated) => Counts::Estimated,
    }
}

fn live_postgres(section: LivePostgresSection, place: Place, folder: &Path, collect: &mut Collector) -> Option<LivePostgres> {
    collect.require(section.url.as_ref(), place, "`postgres`", "url");
    let url = collect.secret(section.url, folder);
    let ca = collect.text(section.ca, "ca").map(|path| folder.join(path.value));
    let counts = counts(section.counts);
    let timeout = collect.duration(section.timeout, "timeout").unwrap_or(LIVE_TIMEOUT);
    let entries = section.older_than_backup.value().map(|named| named.0).unwrap_or_default();
    let time_column = |(table, column)| time_field(&table, column, ("schema", "public"), collect);
    let older_than_backup = entries.into_iter().filter_map(time_column).collect();
    Some(LivePostgres { url: url?, ca, counts, timeout, older_than_backup })
}

/// A group's full name and its time field. `holder`: what stands before the name's dot, and an example of it.
fn time_field(
    group: &Spanned<String>,
    field: Field<String>,
    (holder, example): (&str, &str),
    collect: &mut Collector,
) -> Option<(String, String)> {
    if !group.value.contains('.') {
        let hint = format!("Write the full name, such as {example}.{}.", group.value);
        collect.wrong(group.place, format!("`{}` has no {holder}", group.value), hint);
    }
    collect.text(field, &group.value).map(|field| (group.value.clone(), field.value))
}
