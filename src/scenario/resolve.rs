//! From what was typed ([`spec`](super::spec)) to what it means ([`Scenario`], [`Settings`](crate::scenario::Settings)): defaults are filled in, names are
//! looked up, texts are parsed, and everything that cannot be is told with its place.

mod checks;
mod collect;
mod compare;
mod exports;
mod live;
mod mongodb;
mod open;
mod settings;
mod shape;

pub use settings::{ResolvedSettings, Stores, default_scratch, settings};

use super::de::Typed;
use super::field::{Field, Spanned};
use super::source::{Place, Problem, Source};
use super::spec::{
    AgeSection, ArtifactSection, AutoOr, DropSection, PostgresSection, ScenarioSpec, SizeSection, WithoutExtensionSection,
};
use super::{ArtifactRule, Limits, Objectives, Scenario, SizeRule, StoreSpec, SubjectSpec};
use crate::store::pattern::KeyPattern;
use crate::subject::postgres::PostgresSpec;
use crate::subject::postgres::extensions::WithoutExtension;
use crate::units::{Percent, Span};
use collect::Collector;
use std::path::Path;
use std::time::Duration;

/// What a scenario is resolved against.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The file it stands in.
    pub source: &'a Source,
    /// That file's folder, absolute: where relative paths start.
    pub folder: &'a Path,
    /// The stores of `assay.yaml`.
    pub stores: &'a Stores,
    /// The time limit of scenarios without one.
    pub timeout: Duration,
}

/// What a document came to.
#[derive(Debug)]
pub struct Resolved {
    /// The scenario; none when there are problems.
    pub scenario: Option<Scenario>,
    /// Its name, also when there are problems: names are unique over all files.
    pub name: Option<Spanned<String>>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// Resolves one scenario document that begins at `root`.
#[must_use]
pub fn scenario(typed: Typed<ScenarioSpec>, root: Place, around: Surroundings<'_>) -> Resolved {
    let mut collect = Collector::new(typed.problems);
    let Some(mut spec) = typed.value else {
        return Resolved { scenario: None, name: None, problems: collect.into_problems() };
    };
    let name = collect.require(std::mem::take(&mut spec.name), root, "the scenario", "name");
    let name = name.and_then(|name| collect.identifier(name, "scenario name"));
    let whole = name.clone().map(|name| name.value);
    let scenario = document(whole, spec, root, around, &mut collect);
    let problems = collect.into_problems();
    Resolved { scenario: scenario.filter(|_| problems.is_empty()), name, problems }
}

fn document(
    name: Option<String>,
    spec: ScenarioSpec,
    root: Place,
    around: Surroundings<'_>,
    collect: &mut Collector,
) -> Option<Scenario> {
    let description = collect.text(spec.description, "description");
    let tags = tags(spec.tags, collect);
    let artifact = collect.require(spec.artifact, root, "the scenario", "artifact");
    let artifact = artifact.and_then(|section| self::artifact(section, around, collect));
    let open = open::layers(spec.open, around.folder, collect);
    let mongodb = Candidate::new("mongodb", spec.mongodb, |section| mongodb::subject(section, collect));
    let postgres = Candidate::new("postgres", spec.postgres, |section| postgres(section, collect));
    let dns_zone = Candidate::new("dns_zone", spec.dns_zone, |section| exports::dns_zone(section, collect));
    let secrets = Candidate::new("secrets", spec.secrets, |section| exports::secrets(section, collect));
    let subject = one_subject(vec![postgres, mongodb, dns_zone, secrets], root, collect);
    let objectives = spec.objectives.value().unwrap_or_default();
    let objectives = Objectives { rto: collect.duration(objectives.rto, "rto"), rpo: collect.duration(objectives.rpo, "rpo") };
    let live = live::live(spec.live, root, around.folder, collect);
    let beside = checks::Around {
        source: around.source,
        folder: around.folder,
        live: live.is_there(),
        subject: subject.as_ref().map(|(subject, _)| subject),
    };
    let checks = checks::checks(spec.checks, &beside, collect);
    let timeout = collect.duration(spec.timeout, "timeout").unwrap_or(around.timeout);
    let (subject, allow_empty) = subject?;
    live::fits(&live, &subject, collect);
    Some(Scenario {
        name: name?,
        description: description.map(|text| text.value),
        file: around.source.file.clone(),
        line: around.source.line(root.start),
        tags,
        artifact: artifact?,
        open,
        subject,
        objectives,
        checks,
        live: live.value(),
        allow_empty,
        timeout,
    })
}

fn tags(field: Field<Vec<Field<String>>>, collect: &mut Collector) -> Vec<String> {
    let tags = field.value().unwrap_or_default().into_iter().filter_map(Field::given);
    tags.filter_map(|tag| collect.identifier(tag, "tag")).map(|tag| tag.value).collect()
}

fn artifact(section: Spanned<ArtifactSection>, around: Surroundings<'_>, collect: &mut Collector) -> Option<ArtifactRule> {
    let Spanned { value, place } = section;
    let store = collect.require(value.store, place, "`artifact`", "store");
    let store = store.and_then(|name| store_of(name, around.stores, collect));
    let key = collect.require(value.key, place, "`artifact`", "key");
    let key_place = key.as_ref().map_or(place, |key| key.place);
    let key = key.and_then(|text| key_pattern(&text, around.source, collect));
    let series = key.as_ref().is_none_or(KeyPattern::has_time);
    for (field, name) in [(&value.cadence, "cadence"), (&value.retention, "retention")] {
        if field.is_there() && !series {
            let hint = "Write the time's place in the key, as in \"backups/app-{timestamp}.dump\", or leave it out.";
            collect.wrong(key_place, format!("`{name}` needs a series, and this key has no `{{timestamp}}`"), hint);
        }
    }
    let age = value.age.value().unwrap_or_default();
    let age = age_limits(age, collect);
    let size = size(value.size.value().unwrap_or_default(), collect);
    let cadence = collect.duration(value.cadence, "cadence");
    let retention = collect.duration(value.retention, "retention");
    let (store, store_spec) = store?;
    Some(ArtifactRule { store, store_spec, key: key?, age, size, cadence, retention })
}

fn store_of(name: Spanned<String>, stores: &Stores, collect: &mut Collector) -> Option<(String, StoreSpec)> {
    let Spanned { value: name, place } = name;
    match stores {
        Stores::Unreadable => None,
        Stores::NoFile => {
            let hint = format!(
                "Write an assay.yaml into this folder or one above it, such as\n  stores:\n    {name}: {{ dir: /path/to/backups }}"
            );
            collect.wrong(place, format!("the store `{name}` is not known, because there is no assay.yaml"), hint);
            None
        }
        Stores::Known { file, stores } => {
            if let Some((_, spec)) = stores.iter().find(|(known, _)| *known == name) {
                return spec.clone().map(|spec| (name, spec));
            }
            let known: Vec<&str> = stores.iter().map(|(known, _)| known.as_str()).collect();
            let list = if known.is_empty() { "It has none.".to_owned() } else { format!("It has: {}.", known.join(", ")) };
            let message = format!("there is no store `{name}` in {}", file.display());
            collect.wrong(place, message, collect::did_you_mean(&name, &known, &list));
            None
        }
    }
}

fn key_pattern(text: &Spanned<String>, source: &Source, collect: &mut Collector) -> Option<KeyPattern> {
    text.value
        .parse()
        .map_err(|error: crate::store::pattern::PatternError| {
            collect.wrong(source.within(text.place, &text.value, error.at), error.message, error.hint);
        })
        .ok()
}

fn age_limits(section: AgeSection, collect: &mut Collector) -> Limits<Duration> {
    let (warn, fail) = (collect.positive(section.warn, "warn"), collect.positive(section.fail, "fail"));
    collect.ordered(warn.as_ref(), fail.as_ref(), |limit: &Span| limit.0.as_secs_f64());
    Limits { warn: warn.map(|limit| limit.value.0), fail: fail.map(|limit| limit.value.0) }
}

fn size(section: SizeSection, collect: &mut Collector) -> SizeRule {
    let DropSection { warn, fail } = section.drop.value().unwrap_or_default();
    let (warn, fail) = (drop_limit(warn, collect), drop_limit(fail, collect));
    collect.ordered(warn.as_ref(), fail.as_ref(), |limit| limit.0);
    let drop = Limits { warn: warn.map(|limit| limit.value), fail: fail.map(|limit| limit.value) };
    SizeRule { min: section.min.value().map(|bytes| bytes.0), drop }
}

fn drop_limit(field: Field<Percent>, collect: &mut Collector) -> Option<Spanned<Percent>> {
    let limit = field.given()?;
    if limit.value.0 >= 100.0 {
        collect.wrong(limit.place, "nothing can become smaller by 100% or more", "Write a share below 100%, such as 20%.");
    }
    Some(limit)
}

/// A subject that a scenario may have: its key, where it is written and what it came to.
struct Candidate {
    key: &'static str,
    place: Option<Place>,
    /// With whether an empty restore is fine.
    subject: Option<(SubjectSpec, bool)>,
}

impl Candidate {
    fn new<T>(key: &'static str, field: Field<T>, resolve: impl FnOnce(T) -> (SubjectSpec, bool)) -> Option<Self> {
        match field {
            Field::Absent => None,
            Field::Bad => Some(Self { key, place: None, subject: None }),
            Field::Given(spec) => Some(Self { key, place: Some(spec.place), subject: Some(resolve(spec.value)) }),
        }
    }
}

/// The one subject of a scenario.
fn one_subject(candidates: Vec<Option<Candidate>>, root: Place, collect: &mut Collector) -> Option<(SubjectSpec, bool)> {
    let mut there: Vec<Candidate> = candidates.into_iter().flatten().collect();
    if there.len() > 1 {
        let keys: Vec<String> = there.iter().map(|c| format!("`{}`", c.key)).collect();
        let place = there.iter().rev().find_map(|c| c.place).unwrap_or(root);
        let hint = "Write one scenario for each, in files of their own or separated by `---`.";
        collect.wrong(place, format!("a scenario has one subject, this one has {}", keys.join(" and ")), hint);
        return None;
    }
    if there.is_empty() {
        let hint = "Add what the backup is restored into: `postgres: {}` or `mongodb: {}`, with options if it needs any.";
        collect.wrong(root, "the scenario has no subject", hint);
    }
    there.pop()?.subject
}

fn postgres(section: PostgresSection, collect: &mut Collector) -> (SubjectSpec, bool) {
    let without = section.without_extensions.value().unwrap_or_default().into_iter().filter_map(Field::given);
    let spec = PostgresSpec {
        version: number(section.version),
        jobs: number(section.jobs).and_then(|jobs| usize::try_from(jobs).ok()),
        without_extensions: without.filter_map(|section| without_extension(section, collect)).collect(),
        skip_survey: !section.survey.value().unwrap_or(true),
    };
    (SubjectSpec::Postgres(spec), section.allow_empty.value().unwrap_or_default())
}

fn without_extension(section: Spanned<WithoutExtensionSection>, collect: &mut Collector) -> Option<WithoutExtension> {
    let Spanned { value, place } = section;
    collect.require(value.name.as_ref(), place, "an extension to go on without", "name");
    collect.require(value.reason.as_ref(), place, "an extension to go on without", "reason");
    let (name, reason) = (collect.text(value.name, "name"), collect.text(value.reason, "reason"));
    Some(WithoutExtension { name: name?.value, reason: reason?.value })
}

fn number<const MIN: u32, const MAX: u32>(field: Field<AutoOr<MIN, MAX>>) -> Option<u32> {
    match field.value() {
        Some(AutoOr::Number(number)) => Some(number),
        Some(AutoOr::Auto) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(key: &'static str) -> Option<Candidate> {
        let section = Field::Given(Spanned { value: PostgresSection::default(), place: Place::default() });
        Candidate::new(key, section, |section| postgres(section, &mut Collector::new(Vec::new())))
    }

    fn told(candidates: Vec<Option<Candidate>>) -> (bool, Vec<String>) {
        let mut collect = Collector::new(Vec::new());
        let subject = one_subject(candidates, Place::default(), &mut collect);
        (subject.is_some(), collect.into_problems().into_iter().map(|p| p.message).collect())
    }

    #[test]
    fn a_scenario_has_exactly_one_subject() {
        assert_eq!(told(vec![candidate("postgres"), None]), (true, vec![]));
        let two = "a scenario has one subject, this one has `postgres` and `mongodb`".to_owned();
        assert_eq!(told(vec![candidate("postgres"), candidate("mongodb")]), (false, vec![two]));
        assert_eq!(told(vec![None]), (false, vec!["the scenario has no subject".to_owned()]));
    }
}
