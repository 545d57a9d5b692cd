//! What a server holds besides documents: the replies of `listCollections` and `listIndexes`, named as the archive's census names
//! them. The reading of replies is pure: no server for tests knows all of their shapes.

use super::client;
use super::namespaces::Namespaces;
use crate::census::Inventory;
use crate::check::{Outcome, Status};
use crate::error::Result;
use crate::mongoarchive::{Index, Key, Kind, Survey};
use crate::runtime::local::Instance;
use crate::units::grouped;
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error as DriverError;
use mongodb::{Client, Database};

/// A collection or view as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its database.
    pub db: String,
    /// Its name in the database.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// It has a validator.
    pub validated: bool,
    /// Its indexes, in the server's order.
    pub indexes: Vec<Index>,
}

impl Collection {
    /// Its full name, as a check names it.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.db, self.name)
    }

    /// Whether it has no documents of its own.
    pub const fn is_view(&self) -> bool {
        matches!(self.kind, Kind::View { .. })
    }
}

/// The server's own databases, which no archive brings back.
fn is_internal_database(db: &str) -> bool {
    matches!(db, "config" | "local")
}

/// Collections that belong to the server, or to others: the buckets behind a time series, the list of the views, profiles. `system.js` is
/// the user's own.
fn is_internal(db: &str, name: &str) -> bool {
    match name.strip_prefix("system.") {
        Some(rest) => db == "admin" || rest != "js",
        None => false,
    }
}

/// One entry of `listCollections`: `{name, type, options: {capped, timeseries: {timeField}, viewOn, validator ...}}`. `None`: it is the
/// server's own, or no entry.
pub fn collection(db: &str, reply: &Document) -> Option<Collection> {
    let name = reply.get_str("name").ok()?;
    if is_internal(db, name) {
        return None;
    }
    let options = reply.get_document("options").ok();
    let text = |key: &str| options.and_then(|options| options.get_str(key).ok()).map(str::to_owned);
    let time_field = options.and_then(|options| options.get_document("timeseries").ok());
    let time_field = time_field.and_then(|series| series.get_str("timeField").ok()).map(str::to_owned);
    let kind = match (reply.get_str("type").unwrap_or_default(), time_field, text("viewOn")) {
        ("timeseries", time_field, _) => Kind::TimeSeries { time_field: time_field.unwrap_or_default() },
        (_, Some(time_field), _) => Kind::TimeSeries { time_field },
        ("view", None, on) => Kind::View { on: on.unwrap_or_default() },
        (_, None, Some(on)) => Kind::View { on },
        _ if options.is_some_and(|options| is_true(options.get("capped"))) => Kind::Capped,
        _ => Kind::Collection,
    };
    let validator = options.and_then(|options| options.get_document("validator").ok());
    let validated = validator.is_some_and(|validator| !validator.is_empty());
    Some(Collection { db: db.to_owned(), name: name.to_owned(), kind, validated, indexes: Vec::new() })
}

/// Old clients wrote `capped: 1`.
fn is_true(value: Option<&Bson>) -> bool {
    match value {
        Some(Bson::Boolean(value)) => *value,
        Some(Bson::Int32(number)) => *number != 0,
        Some(Bson::Int64(number)) => *number != 0,
        Some(Bson::Double(number)) => *number != 0.0,
        _ => false,
    }
}

/// One entry of `listIndexes`: `{v, key: {field: 1}, name}`.
pub fn index(reply: &Document) -> Option<Index> {
    let keys = reply.get_document("key").ok()?.iter();
    let keys = keys.map(|(field, order)| Key { field: field.clone(), order: order_of(order) }).collect();
    Some(Index { name: reply.get_str("name").ok()?.to_owned(), keys })
}

#[expect(clippy::cast_possible_truncation, reason = "orders are 1 or -1, whatever number type holds them")]
fn order_of(order: &Bson) -> String {
    match order {
        Bson::Int32(number) => number.to_string(),
        Bson::Int64(number) => number.to_string(),
        Bson::Double(number) => (*number as i64).to_string(),
        Bson::String(kind) => kind.clone(),
        other => format!("{:?}", other.element_type()),
    }
}

/// Everything but the documents, by kind, in the order of the kinds. The words are those of the archive's census.
pub fn inventory(collections: &[Collection]) -> Vec<Inventory> {
    let named = |kind: &str, is: &dyn Fn(&Collection) -> bool| {
        kind_of(kind, collections.iter().filter(|one| is(one)).map(Collection::full_name).collect())
    };
    let indexes =
        collections.iter().flat_map(|one| one.indexes.iter().map(|index| format!("{}.{}", one.full_name(), index.name)));
    vec![
        named("capped", &|one| one.kind == Kind::Capped),
        kind_of("indexes", indexes.collect()),
        named("timeseries", &|one| matches!(one.kind, Kind::TimeSeries { .. })),
        named("validators", &|one| one.validated),
        named("views", &Collection::is_view),
    ]
}

fn kind_of(kind: &str, mut members: Vec<String>) -> Inventory {
    members.sort();
    Inventory { kind: kind.to_owned(), count: members.len() as u64, members, named_by: 0 }
}

/// Asks a server for all its collections, or for those of one database, in the order of their names.
///
/// # Errors
/// The driver's.
pub async fn read(client: &Client, only: Option<&str>) -> Result<Vec<Collection>, DriverError> {
    let databases = match only {
        Some(one) => vec![one.to_owned()],
        None => client.list_database_names().await?,
    };
    let mut all = Vec::new();
    for db in databases.iter().filter(|db| !is_internal_database(db)) {
        all.extend(read_database(&client.database(db)).await?);
    }
    all.sort_by_key(Collection::full_name);
    Ok(all)
}

async fn read_database(database: &Database) -> Result<Vec<Collection>, DriverError> {
    let replies: Vec<Document> = database.run_cursor_command(doc! { "listCollections": 1 }).await?.try_collect().await?;
    let mut collections: Vec<Collection> = replies.iter().filter_map(|reply| collection(database.name(), reply)).collect();
    for one in collections.iter_mut().filter(|one| !one.is_view()) {
        let command = doc! { "listIndexes": one.name.as_str() };
        let replies: Vec<Document> = database.run_cursor_command(command).await?.try_collect().await?;
        one.indexes = replies.iter().filter_map(index).collect();
    }
    Ok(collections)
}

/// The name of the comparison of the indexes with those of the archive.
const INDEXES: &str = "indexes restored";

/// Sets the restored indexes beside those of the archive, by name and keys. `None`: the archive is damaged, so that its list is no measure.
///
/// # Errors
/// Harness: the server does not answer.
pub async fn judge_keys(survey: &Survey, namespaces: &Namespaces, instance: &Instance) -> Result<Option<Outcome>> {
    if !survey.damages.is_empty() {
        return Ok(None);
    }
    let read = async { read(&client::client(instance.place())?, None).await };
    let there = read.await.map_err(|e| client::harness(&e).context("cannot list the indexes"))?;
    let wanted = survey.namespaces.iter().filter(|n| !n.is_internal() && !matches!(n.kind, Kind::View { .. }));
    let wanted: Vec<(String, &[Index])> =
        wanted.filter_map(|n| Some((namespaces.restored(&n.name())?, n.indexes.as_slice()))).collect();
    Ok(Some(compare_keys(&wanted, &there)))
}

fn compare_keys(wanted: &[(String, &[Index])], there: &[Collection]) -> Outcome {
    let mut wrong = Vec::new();
    let mut right = 0;
    for (name, indexes) in wanted {
        let found = there.iter().find(|one| one.full_name() == *name).map(|one| one.indexes.as_slice()).unwrap_or_default();
        for index in *indexes {
            match found.iter().find(|found| found.name == index.name) {
                None => wrong.push(format!("{name}.{} did not come back", index.name)),
                Some(found) if found.keys != index.keys => {
                    wrong.push(format!("{name}.{} has the keys ({}) and not ({})", index.name, keys(found), keys(index)));
                }
                Some(_) => right += 1,
            }
        }
    }
    let expected = grouped(right + wrong.len() as u64);
    let outcome = match wrong.as_slice() {
        [] => Outcome::new(INDEXES, Status::Pass, format!("all {expected} came back with their keys")),
        [one] => Outcome::new(INDEXES, Status::Fail, one.clone()),
        [first, more @ ..] => Outcome::new(INDEXES, Status::Fail, format!("{first} (and {} more)", more.len())),
    };
    outcome.values(grouped(right), expected).evidence(wrong)
}

/// `email 1, created -1`.
fn keys(index: &Index) -> String {
    index.keys.iter().map(|key| format!("{} {}", key.field, key.order)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries of `listCollections` as `mongo:5` to `mongo:8` give them (the manual's page of the command).
    fn replies() -> Vec<Document> {
        let plain = doc! { "readOnly": false };
        vec![
            doc! { "name": "users", "type": "collection", "options": { "validator": { "$jsonSchema": { "bsonType": "object" } },
            "validationLevel": "strict", "validationAction": "error" }, "info": plain.clone(),
            "idIndex": { "v": 2, "key": { "_id": 1 }, "name": "_id_" } },
            doc! { "name": "log", "type": "collection", "options": { "capped": true, "size": 1_048_576, "max": 5000 } },
            doc! { "name": "old log", "type": "collection", "options": { "capped": 1.0, "size": 4096 } },
            doc! { "name": "weather", "type": "timeseries", "options": { "timeseries": { "timeField": "at", "metaField": "sensor",
            "granularity": "seconds", "bucketMaxSpanSeconds": 3600 } }, "info": plain },
            doc! { "name": "system.buckets.weather", "type": "collection", "options": { "validator": { "x": 1 } } },
            doc! { "name": "adults", "type": "view", "options": { "viewOn": "users", "pipeline": [] }, "info": { "readOnly": true } },
            doc! { "name": "system.views", "type": "collection", "options": {} },
            doc! { "name": "system.profile", "type": "collection", "options": { "capped": true } },
            doc! { "name": "system.js", "type": "collection", "options": { "validator": {} } },
            doc! { "name": "by key", "type": "collection", "options": { "clusteredIndex": { "v": 2, "key": { "_id": 1 },
            "name": "_id_", "unique": true } } },
        ]
    }

    #[test]
    fn every_kind_of_collection_is_told_by_its_reply() {
        let mut collections: Vec<Collection> = replies().iter().filter_map(|reply| collection("shop", reply)).collect();
        let kinds: Vec<(&str, Kind)> = collections.iter().map(|one| (one.name.as_str(), one.kind.clone())).collect();
        let expected = [
            ("users", Kind::Collection),
            ("log", Kind::Capped),
            ("old log", Kind::Capped),
            ("weather", Kind::TimeSeries { time_field: "at".into() }),
            ("adults", Kind::View { on: "users".into() }),
            ("system.js", Kind::Collection),
            ("by key", Kind::Collection),
        ];
        assert_eq!(kinds, expected);
        let text = doc! { "v": 2, "key": { "_fts": "text", "_ftsx": 1_i64 }, "name": "body_text", "weights": { "body": 1 } };
        let compound = doc! { "v": 2, "key": { "email": 1.0, "created": -1 }, "name": "email_1_created_-1", "unique": true };
        collections[0].indexes = [text, compound].iter().filter_map(index).collect();
        assert_eq!(keys(&collections[0].indexes[0]), "_fts text, _ftsx 1");
        assert_eq!(keys(&collections[0].indexes[1]), "email 1, created -1");
        let inventory: Vec<(String, Vec<String>)> = inventory(&collections).into_iter().map(|i| (i.kind, i.members)).collect();
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = [
            ("capped".to_owned(), texts(&["shop.log", "shop.old log"])),
            ("indexes".to_owned(), texts(&["shop.users.body_text", "shop.users.email_1_created_-1"])),
            ("timeseries".to_owned(), texts(&["shop.weather"])),
            ("validators".to_owned(), texts(&["shop.users"])),
            ("views".to_owned(), texts(&["shop.adults"])),
        ];
        assert_eq!(inventory, expected);
    }

    #[test]
    fn the_servers_own_collections_are_none() {
        assert!(collection("admin", &doc! { "name": "system.js", "type": "collection" }).is_none());
        assert!(collection("admin", &doc! { "name": "mine", "type": "collection" }).is_some());
        assert!(collection("shop", &doc! { "type": "collection" }).is_none());
        assert!(is_internal_database("local") && !is_internal_database("admin"));
    }

    #[test]
    fn indexes_are_compared_by_name_and_keys() {
        let index = |name: &str, field: &str, order: &str| Index {
            name: name.into(),
            keys: vec![Key { field: field.into(), order: order.into() }],
        };
        let there = Collection {
            db: "shop".into(),
            name: "users".into(),
            kind: Kind::Collection,
            validated: false,
            indexes: vec![index("_id_", "_id", "1"), index("email_1", "email", "1")],
        };
        let judged = |wanted: &[Index]| compare_keys(&[("shop.users".into(), wanted)], std::slice::from_ref(&there));
        assert_eq!(judged(&there.indexes).status, Status::Pass);
        let turned = judged(&[index("email_1", "email", "-1")]);
        assert_eq!(turned.message, "shop.users.email_1 has the keys (email 1) and not (email -1)");
        let lost = judged(&[index("name_1", "name", "1"), index("x_1", "x", "1")]);
        assert_eq!((lost.status, lost.message.as_str()), (Status::Fail, "shop.users.name_1 did not come back (and 1 more)"));
    }
}
