//! The census of a server: every collection counted, what else is there named. Names, counts and times only.

use super::client;
use super::inventory::{self, Collection};
use crate::census::{Census, Group, Newest, Vantage};
use crate::error::Result;
use crate::runtime::local::Instance;
use crate::subject::{Before, Wanted};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use mongodb::action::{Action, CountDocuments, EstimatedDocumentCount};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::Error as DriverError;
use mongodb::{Client, Collection as DriverCollection};
use std::collections::BTreeMap;
use std::time::Duration;

/// How documents are counted.
#[derive(Debug, Clone, Default)]
pub struct Counting {
    /// By the server's statistics instead of one by one.
    pub estimated: bool,
    /// Only the documents with a time before this one, in the collections that are named with their time field.
    pub before: Option<Before>,
    /// The collections that `before` does not name are counted whole, not left out.
    pub rest: bool,
    /// The longest that the server may work on one command.
    pub limit: Option<Duration>,
    /// How many collections are counted at once.
    pub at_once: usize,
}

/// Counts a restored server.
///
/// # Errors
/// Harness: the server does not answer.
pub async fn census(instance: &Instance, wanted: &Wanted) -> Result<Census> {
    let before = wanted.before.clone();
    let counting = Counting { at_once: instance.limits().cpus.max(1), before, ..Counting::default() };
    let read = async {
        let client = client::client(instance.place())?;
        count(&client, None, &wanted.newest, &counting, Vantage::Restored).await
    };
    read.await.map_err(|e| client::harness(&e).context("cannot count the documents"))
}

/// Counts a server, or one database of it.
///
/// # Errors
/// The driver's.
pub async fn count(
    client: &Client,
    only: Option<&str>,
    newest: &[(String, String)],
    counting: &Counting,
    vantage: Vantage,
) -> Result<Census, DriverError> {
    let collections = inventory::read(client, only).await?;
    let inventory = inventory::inventory(&collections);
    let mut counted = Vec::new();
    for one in collections.iter().filter(|one| !one.is_view()) {
        if let Some(field) = time_field(one, counting) {
            counted.push(group(client, one, field, newest, counting));
        }
    }
    let mut groups: Vec<Group> = stream::iter(counted).buffer_unordered(counting.at_once.max(1)).try_collect().await?;
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Census {
        vantage,
        groups_are: "collections".into(),
        counted_in: "documents".into(),
        groups,
        inventory,
        partitions: BTreeMap::new(),
    })
}

/// The field whose time decides whether a document counts; outer `None`: the collection does not count.
#[expect(clippy::option_option, reason = "a collection that does not count is not one whose documents all count")]
fn time_field(one: &Collection, counting: &Counting) -> Option<Option<String>> {
    let Some(before) = &counting.before else { return Some(None) };
    let name = one.full_name();
    match before.fields.iter().find(|(group, _)| *group == name) {
        Some((_, field)) => Some(Some(field.clone())),
        None => counting.rest.then_some(None),
    }
}

async fn group(
    client: &Client,
    one: &Collection,
    field: Option<String>,
    newest: &[(String, String)],
    counting: &Counting,
) -> Result<Group, DriverError> {
    let collection = client.database(&one.db).collection::<Document>(&one.name);
    let filter = match (&counting.before, field) {
        (Some(limit), Some(field)) => before(&field, limit.time),
        _ => Document::new(),
    };
    let count = if counting.estimated && filter.is_empty() {
        collection.estimated_document_count().optional(counting.limit, EstimatedDocumentCount::max_time).await?
    } else {
        collection.count_documents(filter).optional(counting.limit, CountDocuments::max_time).await?
    };
    let name = one.full_name();
    let mut times = Vec::new();
    for (_, field) in newest.iter().filter(|(group, _)| *group == name) {
        times.push(Newest { field: field.clone(), time: newest_of(&collection, field).await? });
    }
    Ok(Group { name, count, newest: times })
}

/// Documents with a time before this one. An `_id` holds the second in which it was made.
fn before(field: &str, time: Timestamp) -> Document {
    let boundary = if field == "_id" {
        let seconds = u32::try_from(time.as_second()).unwrap_or_default();
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        Bson::ObjectId(ObjectId::from_bytes(bytes))
    } else {
        Bson::DateTime(DateTime::from_millis(time.as_millisecond()))
    };
    doc! { field: { "$lt": boundary } }
}

/// The newest time in a field: a date, a timestamp, or the time in an `ObjectId`. Other values have none.
async fn newest_of(collection: &DriverCollection<Document>, field: &str) -> Result<Option<Timestamp>, DriverError> {
    let path = format!("${field}");
    let newest = |kind: &str| doc! { "$max": { "$cond": [ { "$eq": [ { "$type": &path }, kind ] }, &path, Bson::Null ] } };
    let stage = doc! { "_id": Bson::Null, "date": newest("date"), "stamp": newest("timestamp"), "id": newest("objectId") };
    let mut answer = collection.aggregate([doc! { "$group": stage }]).allow_disk_use(true).await?;
    let Some(found) = answer.try_next().await? else { return Ok(None) };
    Ok(["date", "stamp", "id"].into_iter().filter_map(|kind| time_of(found.get(kind)?)).max())
}

/// The time in a value.
fn time_of(value: &Bson) -> Option<Timestamp> {
    let millis = match value {
        Bson::DateTime(date) => date.timestamp_millis(),
        Bson::Timestamp(stamp) => i64::from(stamp.time) * 1000,
        Bson::ObjectId(id) => id.timestamp().timestamp_millis(),
        _ => return None,
    };
    // MongoDB knows later times than we do.
    let limit = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Some(Timestamp::from_millisecond(millis).unwrap_or(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_out_of_dates_stamps_and_ids() {
        let time: Timestamp = "2026-11-21T03:30:00Z".parse().expect("a time");
        let seconds = u32::try_from(time.as_second()).expect("after 1970");
        let id = before("_id", time).get_document("_id").expect("a filter").get("$lt").cloned().expect("a boundary");
        let stamp = Bson::Timestamp(mongodb::bson::Timestamp { time: seconds, increment: 7 });
        for value in [Bson::DateTime(DateTime::from_millis(time.as_millisecond())), id, stamp] {
            assert_eq!(time_of(&value), Some(time), "{value:?}");
        }
        assert_eq!(time_of(&Bson::DateTime(DateTime::MAX)), Some(Timestamp::MAX));
        assert_eq!(time_of(&Bson::Int64(1)), None);
    }

    #[test]
    fn a_look_before_a_time_counts_only_what_has_a_time_field() {
        let one = |name: &str| Collection {
            db: "shop".into(),
            name: name.into(),
            kind: crate::mongoarchive::Kind::Collection,
            validated: false,
            indexes: Vec::new(),
        };
        let fields = vec![("shop.users".to_owned(), "created".to_owned())];
        let before = Some(Before { time: Timestamp::UNIX_EPOCH, fields });
        let counting = Counting { before, ..Counting::default() };
        assert_eq!(time_field(&one("users"), &counting), Some(Some("created".to_owned())));
        assert_eq!(time_field(&one("orders"), &counting), None);
        assert_eq!(time_field(&one("orders"), &Counting { rest: true, ..counting }), Some(None));
        assert_eq!(time_field(&one("orders"), &Counting::default()), Some(None));
    }
}
