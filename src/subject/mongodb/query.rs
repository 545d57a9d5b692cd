//! Questions to a restored server: a count with a filter, or an aggregation with one value.

use super::client;
use crate::error::{Error, Result};
use crate::runtime::local::Instance;
use crate::scenario::{QueryCheck, Question};
use futures_util::TryStreamExt;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document};
use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::options::{CollectionOptions, ReadConcern};
use serde_json::{Map, Value};

/// The server's code for "it took longer than `maxTimeMS`".
const MAX_TIME_MS_EXPIRED: i32 = 50;

/// Asks one question. `None`: the aggregation gave no document, or null.
///
/// # Errors
/// Scenario: the server does not understand it, or the answer is no single value. Harness: it took too long.
pub async fn find(instance: &Instance, query: &QueryCheck) -> Result<Option<String>> {
    let ask = async {
        let client = client::client(instance.place())?;
        let concern = query.read_concern.clone().map(ReadConcern::custom);
        let options = CollectionOptions::builder().read_concern(concern).build();
        let collection = client.database(&query.database).collection_with_options::<Document>(&query.collection, options);
        match &query.question {
            Question::Filter(filter) => {
                let count = collection.count_documents(filter.clone()).max_time(query.timeout).await?;
                Ok(Some(Bson::Int64(count.cast_signed())))
            }
            Question::Pipeline(stages) => {
                let mut answer = collection.aggregate(stages.clone()).max_time(query.timeout).await?;
                Ok(answer.try_next().await?.as_ref().map(value))
            }
        }
    };
    let late = || Error::harness(format!("the query took longer than {} s", query.timeout.as_secs_f64()));
    let answered = tokio::time::timeout(query.timeout, ask).await.map_err(|_| late())?;
    let answer: Option<Bson> = answered.map_err(|e: DriverError| match &*e.kind {
        ErrorKind::Command(command) if command.code == MAX_TIME_MS_EXPIRED => late(),
        ErrorKind::Command(_) => Error::scenario(format!("the query is refused: {}", client::message(&e))),
        _ => client::harness(&e),
    })?;
    answer.map_or(Ok(None), |answer| text(&answer))
}

/// The one value of an answer: its first field that is not `_id`, or `_id` where there is no other.
fn value(answer: &Document) -> Bson {
    let others = answer.iter().find(|(name, _)| *name != "_id").map(|(_, value)| value.clone());
    others.or_else(|| answer.get("_id").cloned()).unwrap_or(Bson::Null)
}

fn text(value: &Bson) -> Result<Option<String>> {
    Ok(Some(match value {
        Bson::Null | Bson::Undefined => return Ok(None),
        Bson::Int32(number) => number.to_string(),
        Bson::Int64(number) => number.to_string(),
        Bson::Double(number) => number.to_string(),
        Bson::Decimal128(number) => number.to_string(),
        Bson::Boolean(truth) => truth.to_string(),
        Bson::String(text) => text.clone(),
        Bson::DateTime(date) => date.try_to_rfc3339_string().unwrap_or_default(),
        Bson::ObjectId(id) => id.to_hex(),
        other => {
            return Err(Error::scenario(format!("the answer is no single value but {:?}", other.element_type()))
                .hint("End the pipeline with a `$project`, `$count` or `$group` that gives one number or text."));
        }
    }))
}

/// A filter or a stage as it is written in a scenario: JSON, with `{ $date: TEXT }` and `{ $oid: TEXT }` for what JSON has no form for.
///
/// # Errors
/// A text that is no date or id; as a sentence fragment.
pub fn document(written: &Map<String, Value>) -> Result<Document, String> {
    written.iter().map(|(key, value)| Ok((key.clone(), bson(value)?))).collect()
}

fn bson(written: &Value) -> Result<Bson, String> {
    Ok(match written {
        Value::Null => Bson::Null,
        Value::Bool(truth) => Bson::Boolean(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
            None => Bson::Double(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Bson::String(text.clone()),
        Value::Array(items) => Bson::Array(items.iter().map(bson).collect::<Result<_, _>>()?),
        Value::Object(map) => match map.iter().next() {
            Some((key, Value::String(text))) if map.len() == 1 && key == "$date" => date(text)?,
            Some((key, Value::String(text))) if map.len() == 1 && key == "$oid" => {
                Bson::ObjectId(ObjectId::parse_str(text).map_err(|_| format!("`{text}` is no ObjectId"))?)
            }
            _ => Bson::Document(document(map)?),
        },
    })
}

fn date(text: &str) -> Result<Bson, String> {
    let time: jiff::Timestamp = text.parse().map_err(|_| format!("`{text}` is no time such as 2026-11-21T03:30:00Z"))?;
    Ok(Bson::DateTime(DateTime::from_millis(time.as_millisecond())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;
    use serde_json::json;

    fn written(value: &Value) -> Result<Document, String> {
        document(value.as_object().expect("an object"))
    }

    #[test]
    fn filters_become_what_the_server_understands() {
        let filter = json!({ "total": { "$lt": 0 }, "big": 5_000_000_000_i64, "share": 0.5, "tags": ["a", null, true],
            "made": { "$gte": { "$date": "2026-11-21T03:30:00Z" } }, "of": { "$oid": "507f1f77bcf86cd799439011" } });
        let expected = doc! { "big": 5_000_000_000_i64, "made": { "$gte": DateTime::from_millis(1_795_231_800_000) },
        "of": ObjectId::parse_str("507f1f77bcf86cd799439011").expect("an id"), "share": 0.5, "tags": ["a", Bson::Null, true],
        "total": { "$lt": 0 } };
        let filter = written(&filter).expect("a filter");
        assert!(expected.iter().all(|(key, value)| filter.get(key) == Some(value)) && filter.len() == expected.len(), "{filter}");
        assert_eq!(written(&json!({ "a": { "$oid": "x" } })), Err("`x` is no ObjectId".to_owned()));
        assert!(written(&json!({ "a": { "$date": "yesterday" } })).is_err());
    }

    #[test]
    fn an_answer_is_one_value() {
        for (answer, shown) in [
            (doc! { "_id": Bson::Null, "total": 3.0 }, Some("3")),
            (doc! { "n": 7 }, Some("7")),
            (doc! { "_id": "only" }, Some("only")),
            (doc! { "n": Bson::Null }, None),
            (doc! {}, None),
        ] {
            assert_eq!(text(&value(&answer)).expect("a value").as_deref(), shown);
        }
        assert!(text(&value(&doc! { "n": [1, 2] })).is_err());
    }
}
