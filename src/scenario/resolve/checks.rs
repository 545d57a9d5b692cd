//! The checks of a scenario.

use super::collect::Collector;
use super::{compare, mongodb, shape};
use crate::check::expect::Expect;
use crate::check::{count, drift, fresh, indexes, integrity, matches, query, schema, sql, validate};
use crate::scenario::failure::split_advice;
use crate::scenario::field::{Field, Spanned};
use crate::scenario::source::{Place, Source};
use crate::scenario::spec::{CheckSpec, CountSection, FreshSection, SqlSection, ValidateSpec};
use crate::scenario::{Check, CheckKind, CountCheck, FreshCheck, SqlCheck, SubjectSpec};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// For a query that sets no limit of its own.
const SQL_TIMEOUT: Duration = Duration::from_mins(1);

/// What a check is read with.
pub struct Around<'s> {
    /// The file that it stands in.
    pub source: &'s Source,
    /// That file's folder.
    pub folder: &'s Path,
    /// Whether the scenario names a live system.
    pub live: bool,
    /// What is restored, where the scenario says so rightly.
    pub subject: Option<&'s SubjectSpec>,
}

pub fn checks(field: Field<Vec<Field<CheckSpec>>>, around: &Around, collect: &mut Collector) -> Vec<Check> {
    let source = around.source;
    let mut first: HashMap<String, Place> = HashMap::new();
    let mut checks = Vec::new();
    for Spanned { value, place } in field.value().unwrap_or_default().into_iter().filter_map(Field::given) {
        let kinds = resolve(value, place, around, collect);
        if let (Some(kind), Some(subject)) = (kinds.first(), around.subject) {
            refuse_foreign(kind, subject, place, collect);
        }
        if let Some((label, before)) = kinds.iter().map(label).find_map(|label| first.get(&label).map(|place| (label, *place))) {
            let hint = format!(
                "Reports tell checks apart by it; the other one is in line {}. Join the two, or give a query a `name`.",
                source.line(before.start)
            );
            collect.wrong(place, format!("the check `{label}` is there twice"), hint);
        }
        for kind in kinds {
            first.entry(label(&kind)).or_insert(place);
            checks.push(Check { at: format!("{}:{}", source.file.display(), source.line(place.start)), kind });
        }
    }
    checks
}

/// What reports call a check. Two checks of one scenario must not share it.
fn label(kind: &CheckKind) -> String {
    match kind {
        CheckKind::Count(check) => count::name(check),
        CheckKind::Fresh(check) => fresh::name(check),
        CheckKind::Sql(check) => sql::name(check),
        CheckKind::Query(check) => query::name(check),
        CheckKind::Validate => validate::NAME.to_owned(),
        CheckKind::Indexes(check) => indexes::name(check),
        CheckKind::Integrity(aspect) => integrity::name(aspect),
        CheckKind::Schema(_) => schema::NAME.to_owned(),
        CheckKind::Matches(_) => matches::ROWS.to_owned(),
        CheckKind::Drift(check) => drift::name(check),
    }
}

/// A question that the scenario's subject cannot answer.
fn refuse_foreign(kind: &CheckKind, subject: &SubjectSpec, place: Place, collect: &mut Collector) {
    use SubjectSpec::{DnsZone, Mongodb, Postgres, Secrets};
    const DUMPS_ONLY: &str = "It is for `postgres`: leave it out, or write `validate: full`.";
    let (check, hint) = match (kind, subject) {
        (CheckKind::Sql(_), Mongodb(_)) => ("sql", "Write a `query` with a `collection` and a `filter`."),
        (CheckKind::Integrity(_), Mongodb(_)) => ("integrity", DUMPS_ONLY),
        (CheckKind::Schema(_), Mongodb(_)) => ("schema", DUMPS_ONLY),
        (CheckKind::Query(_), Postgres(_)) => ("query", "Write a `sql` check with a `query`."),
        (CheckKind::Validate, Postgres(_) | DnsZone(_) | Secrets(_)) => {
            ("validate", "It is for `mongodb`: leave it out, or write `integrity`.")
        }
        (CheckKind::Indexes(_), Postgres(_)) => ("indexes", "It is for `mongodb`; write `count: { of: indexes, min: 1 }`."),
        _ => return,
    };
    let of = match subject {
        Mongodb(_) => "MongoDB archive",
        Postgres(_) => "PostgreSQL dump",
        DnsZone(_) => "DNS zone",
        Secrets(_) => "secret export",
    };
    collect.wrong(place, format!("`{check}` is no check for a {of}"), hint);
}

/// One check, or one for each aspect of it.
fn resolve(check: CheckSpec, place: Place, around: &Around, collect: &mut Collector) -> Vec<CheckKind> {
    let one = match check {
        CheckSpec::Count(section) => count(section, place, collect).map(CheckKind::Count),
        CheckSpec::Fresh(section) => fresh(section, place, around.subject, collect).map(CheckKind::Fresh),
        CheckSpec::Sql(section) => sql(section, place, collect).map(CheckKind::Sql),
        CheckSpec::Query(section) => mongodb::query(section, place, collect).map(CheckKind::Query),
        CheckSpec::Validate(ValidateSpec::Full) => Some(CheckKind::Validate),
        CheckSpec::Indexes(section) => mongodb::indexes(section, place, collect).map(CheckKind::Indexes),
        CheckSpec::Matches(spec) => Some(CheckKind::Matches(compare::matches(spec, place, collect))),
        CheckSpec::Drift(section) => compare::drift(section, place, around.live, collect).map(CheckKind::Drift),
        CheckSpec::Integrity(section) => return shape::integrity(section, collect),
        CheckSpec::Schema(section) => shape::schema(section, place, around.folder, collect).map(CheckKind::Schema),
    };
    one.into_iter().collect()
}

fn count(section: CountSection, place: Place, collect: &mut Collector) -> Option<CountCheck> {
    collect.require(section.of.as_ref(), place, "`count`", "of");
    let of = collect.text(section.of, "of");
    if !section.min.is_there() && !section.max.is_there() {
        collect.wrong(place, "`count` has neither `min` nor `max`", "Add one of them or both, such as `min: 1`.");
    }
    let (min, max) = (section.min.given(), section.max.given());
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        collect.wrong(min.place, "`min` is greater than `max`", "No count can be both: swap the two.");
    }
    Some(CountCheck { of: of?.value, min: min.map(|n| n.value), max: max.map(|n| n.value) })
}

fn fresh(section: FreshSection, place: Place, subject: Option<&SubjectSpec>, collect: &mut Collector) -> Option<FreshCheck> {
    collect.require(section.newest.as_ref(), place, "`fresh`", "newest");
    let newest = collect.text(section.newest, "newest");
    collect.require(section.within.as_ref(), place, "`fresh`", "within");
    let within = collect.duration(section.within, "within");
    let newest = newest?;
    // Names of collections may have dots, `shop.fs.files.uploadDate`; before a column stand two or three names.
    let (names, hint) = match subject {
        Some(SubjectSpec::Mongodb(_)) => (3..=usize::MAX, "Write `database.collection.field`, such as shop.orders.created_at."),
        _ => (3..=4, "Write `schema.table.column`, such as public.messages.created_at."),
    };
    let whole = newest.value.split('.').all(|part| !part.is_empty()) && names.contains(&newest.value.split('.').count());
    let Some((group, field)) = newest.value.rsplit_once('.').filter(|_| whole) else {
        collect.wrong(newest.place, format!("`{}` does not name a column", newest.value), hint);
        return None;
    };
    Some(FreshCheck { group: group.to_owned(), field: field.to_owned(), within: within? })
}

fn sql(section: SqlSection, place: Place, collect: &mut Collector) -> Option<SqlCheck> {
    collect.require(section.query.as_ref(), place, "`sql`", "query");
    let query = collect.text(section.query, "query");
    collect.require(section.expect.as_ref(), place, "`sql`", "expect");
    let expect = section.expect.given().and_then(|text| expect(&text, collect));
    let name = collect.text(section.name, "name").map(|name| name.value);
    let timeout = collect.duration(section.timeout, "timeout").unwrap_or(SQL_TIMEOUT);
    let query = query?.value;
    // A query of several lines has one as its name.
    let name = name.unwrap_or_else(|| query.split_whitespace().collect::<Vec<_>>().join(" "));
    let database = collect.text(section.database, "database").map(|name| name.value);
    Some(SqlCheck { name, database, query, expect: expect?, timeout })
}

pub(super) fn expect(text: &Spanned<String>, collect: &mut Collector) -> Option<Expect> {
    text.value
        .parse()
        .map_err(|error: String| {
            let (message, hint) = split_advice(&one_line(&error));
            collect.wrong(
                text.place,
                message,
                hint.unwrap_or_else(|| "Mend the regular expression between the slashes.".to_owned()),
            );
        })
        .ok()
}

/// The regex crate draws its errors over several lines, of which the last says what is wrong.
fn one_line(error: &str) -> String {
    match (error.split_once(": regex parse error:"), error.rsplit_once("error: ")) {
        (Some((message, _)), Some((_, reason))) => format!("{message}: {reason}"),
        _ => error.to_owned(),
    }
}
