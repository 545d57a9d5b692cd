//! What is said about a `MongoDB` archive, and the checks that only it knows.

use super::collect::Collector;
use super::{checks, number};
use crate::scenario::field::{Field, Spanned};
use crate::scenario::source::Place;
use crate::scenario::spec::{IndexesSection, MongodbSection, QuerySection, ReadConcernSpec};
use crate::scenario::{IndexesCheck, QueryCheck, Question, SubjectSpec};
use crate::subject::mongodb::{MongodbSpec, Renaming, check_patterns, document};
use mongodb::bson::Document;
use serde_json::{Map, Value};
use std::time::Duration;

/// For a question that sets no limit of its own.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The subject, and whether an empty restore is fine.
pub fn subject(section: MongodbSection, collect: &mut Collector) -> (SubjectSpec, bool) {
    let oplog_place = section.oplog_replay.as_ref().given().filter(|replay| *replay.value).map(|replay| replay.place);
    let filtered = [&section.ns_include, &section.ns_exclude, &section.ns_from].into_iter().any(Field::is_there);
    if let Some(place) = oplog_place.filter(|_| filtered) {
        let hint = "mongorestore replays an oplog over everything only: leave one of them out.";
        collect.wrong(place, "`oplog_replay` does not go with `ns_include`, `ns_exclude` or `ns_from`", hint);
    }
    let spec = MongodbSpec {
        version: number(section.version),
        drop: section.drop.value().unwrap_or(true),
        ns_include: patterns(section.ns_include, collect),
        ns_exclude: patterns(section.ns_exclude, collect),
        renamings: renamings(section.ns_from, section.ns_to, collect),
        parallel: number(section.parallel),
        oplog_replay: section.oplog_replay.value().unwrap_or_default(),
    };
    (SubjectSpec::Mongodb(spec), section.allow_empty.value().unwrap_or_default())
}

fn texts(field: Field<Vec<Field<String>>>) -> Vec<Spanned<String>> {
    field.value().unwrap_or_default().into_iter().filter_map(Field::given).collect()
}

const HINT: &str = "Write patterns over `database.collection`, such as shop.* or *.users.";

fn patterns(field: Field<Vec<Field<String>>>, collect: &mut Collector) -> Vec<String> {
    let usable = |pattern: Spanned<String>| match check_patterns([pattern.value.as_str()]) {
        Ok(()) => Some(pattern.value),
        Err(message) => {
            collect.wrong(pattern.place, message, HINT);
            None
        }
    };
    texts(field).into_iter().filter_map(usable).collect()
}

fn renamings(from: Field<Vec<Field<String>>>, to: Field<Vec<Field<String>>>, collect: &mut Collector) -> Vec<Renaming> {
    let place = [&from, &to].into_iter().find_map(|field| field.as_ref().given().map(|list| list.place));
    let (from, to) = (texts(from), texts(to));
    if let Some(place) = place.filter(|_| from.len() != to.len()) {
        collect.wrong(place, "`ns_from` and `ns_to` are not equally long", "Write one entry of `ns_to` for each of `ns_from`.");
        return Vec::new();
    }
    let renaming = |(from, to): (Spanned<String>, Spanned<String>)| {
        let renaming = Renaming { from: from.value, to: to.value };
        if let Err(message) = renaming.check() {
            collect.wrong(to.place, message, HINT);
        }
        renaming
    };
    from.into_iter().zip(to).map(renaming).collect()
}

/// A question to the restored server.
pub fn query(section: QuerySection, place: Place, collect: &mut Collector) -> Option<QueryCheck> {
    collect.require(section.collection.as_ref(), place, "`query`", "collection");
    let collection = collect.text(section.collection, "collection").and_then(|name| namespace(&name, collect));
    collect.require(section.expect.as_ref(), place, "`query`", "expect");
    let expect = section.expect.given().and_then(|text| checks::expect(&text, collect));
    if section.filter.is_there() && section.pipeline.is_there() {
        collect.wrong(place, "`query` has both a `filter` and a `pipeline`", "Begin the pipeline with a `$match` instead.");
    }
    let asked = asked(&section.filter, &section.pipeline);
    let question = question(section.filter, section.pipeline, collect);
    let read_concern = section.read_concern.value().map(|concern| match concern {
        ReadConcernSpec::Local => "local".to_owned(),
        ReadConcernSpec::Available => "available".to_owned(),
        ReadConcernSpec::Majority => "majority".to_owned(),
    });
    let name = collect.text(section.name, "name").map(|name| name.value);
    let timeout = collect.duration(section.timeout, "timeout").unwrap_or(TIMEOUT);
    let (database, collection) = collection?;
    let name = name.unwrap_or_else(|| format!("{database}.{collection}{asked}"));
    Some(QueryCheck { name, database, collection, question: question?, expect: expect?, read_concern, timeout })
}

/// What is asked, for the name of a check without one.
fn asked(filter: &Field<Map<String, Value>>, pipeline: &Field<Vec<Field<Map<String, Value>>>>) -> String {
    let stages = pipeline.as_ref().given().map(|stages| {
        let stages = stages.value.iter().filter_map(|stage| stage.as_ref().given().map(|stage| stage.value.clone().into()));
        Value::Array(stages.collect())
    });
    let filter = filter.as_ref().given().map(|filter| Value::Object(filter.value.clone()));
    stages.or(filter).map_or_else(String::new, |asked| format!(" {asked}"))
}

fn namespace(name: &Spanned<String>, collect: &mut Collector) -> Option<(String, String)> {
    match name.value.split_once('.') {
        Some((database, collection)) if !database.is_empty() && !collection.is_empty() => {
            Some((database.to_owned(), collection.to_owned()))
        }
        _ => {
            let hint = "Write `database.collection`, such as shop.users.";
            collect.wrong(name.place, format!("`{}` does not name a collection", name.value), hint);
            None
        }
    }
}

fn question(
    filter: Field<Map<String, Value>>,
    pipeline: Field<Vec<Field<Map<String, Value>>>>,
    collect: &mut Collector,
) -> Option<Question> {
    match pipeline {
        Field::Absent => match filter {
            Field::Absent => Some(Question::Filter(Document::new())),
            Field::Bad => None,
            Field::Given(filter) => bson(&filter, collect).map(Question::Filter),
        },
        Field::Bad => None,
        Field::Given(stages) => {
            let stages = stages.value.into_iter().map(|stage| stage.given().and_then(|stage| self::stage(&stage, collect)));
            stages.collect::<Option<Vec<Document>>>().map(Question::Pipeline)
        }
    }
}

fn stage(stage: &Spanned<Map<String, Value>>, collect: &mut Collector) -> Option<Document> {
    if let Some(writes) = ["$out", "$merge"].into_iter().find(|name| stage.value.contains_key(*name)) {
        collect.wrong(stage.place, format!("`{writes}` writes, and a check only reads"), "Leave this stage out.");
        return None;
    }
    bson(stage, collect)
}

fn bson(written: &Spanned<Map<String, Value>>, collect: &mut Collector) -> Option<Document> {
    document(&written.value)
        .map_err(|message| collect.wrong(written.place, message, "Write the value as `$date` or `$oid` need it."))
        .ok()
}

/// Indexes that must be there.
pub fn indexes(section: IndexesSection, place: Place, collect: &mut Collector) -> Option<IndexesCheck> {
    collect.require(section.of.as_ref(), place, "`indexes`", "of");
    let of = collect.text(section.of, "of").and_then(|of| namespace(&of, collect));
    let names = collect.require(section.names, place, "`indexes`", "names")?;
    if names.value.is_empty() {
        collect.wrong(names.place, "`names` is empty", "Write the names of the indexes, such as [email_1].");
    }
    let (database, collection) = of?;
    let names = names.value.into_iter().filter_map(Field::value).collect();
    Some(IndexesCheck { of: format!("{database}.{collection}"), names })
}
