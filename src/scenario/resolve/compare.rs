//! `matches` and `drift`.

use super::collect::Collector;
use crate::scenario::field::{Field, Named, Spanned};
use crate::scenario::source::Place;
use crate::scenario::spec::{AgainstSpec, DriftSection, GroupToleranceSection, MatchesSpec, ToleranceSection, VanishedSpec};
use crate::scenario::{Against, DriftCheck, Limits, MatchesCheck, Tolerance, Tolerances, Vanished};
use globset::{Glob, GlobMatcher};

/// A difference of one member is no share of anything.
const AT_LEAST: u64 = 2;

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
