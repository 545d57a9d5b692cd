//! The server's own `validate` over every restored collection: structure, indexes against documents, validators.

use super::class::without_values;
use super::{client, inventory};
use crate::error::Result;
use crate::runtime::local::Instance;
use crate::subject::Validated;
use mongodb::bson::{Document, doc};

/// Validates every collection, one after the other: the command wants each for itself.
///
/// # Errors
/// Harness: the server does not answer.
pub async fn validate(instance: &Instance) -> Result<Vec<Validated>> {
    let run = async {
        let client = client::client(instance.place())?;
        let mut all = Vec::new();
        for one in inventory::read(&client, None).await?.iter().filter(|one| !one.is_view()) {
            let command = doc! { "validate": one.name.as_str(), "full": true };
            let reply = client.database(&one.db).run_command(command).await?;
            all.push(read(one.full_name(), &reply));
        }
        Ok(all)
    };
    run.await.map_err(|e: mongodb::error::Error| client::harness(&e).context("cannot validate the collections"))
}

/// The reply: `{valid, errors: [TEXT], warnings: [TEXT], ...}`.
fn read(name: String, reply: &Document) -> Validated {
    let texts = |key: &str| -> Vec<String> {
        let texts = reply.get_array(key).into_iter().flatten().filter_map(|text| text.as_str());
        texts.map(without_values).collect()
    };
    let mut errors = texts("errors");
    if errors.is_empty() && !reply.get_bool("valid").unwrap_or(false) {
        errors.push("the server calls it invalid and does not say why".to_owned());
    }
    Validated { name, errors, warnings: texts("warnings") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_without_values() {
        // As mongo:7 replies for a damaged collection (the manual's page of the command).
        let reply = doc! { "ns": "shop.users", "nInvalidDocuments": 0, "nNonCompliantDocuments": 0, "nrecords": 2, "nIndexes": 2,
        "keysPerIndex": { "_id_": 2 }, "valid": false, "repaired": false,
        "warnings": ["Detected one or more documents that are not compliant with the collection's schema. { email: 'a@b' }"],
        "errors": ["index 'email_1' contains extra entry: { email: 'jane@example.net' }"], "ok": 1.0 };
        let read = super::read("shop.users".into(), &reply);
        assert_eq!(read.errors, ["index 'email_1' contains extra entry: {...}"]);
        assert_eq!(read.warnings.len(), 1);
        assert!(!read.warnings[0].contains("a@b"));
        assert!(super::read("a.b".into(), &doc! { "valid": true, "ok": 1.0 }).errors.is_empty());
        assert_eq!(super::read("a.b".into(), &doc! { "ok": 1.0 }).errors.len(), 1);
    }
}
