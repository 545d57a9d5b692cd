//! JSON Schemas of the files that people write, for completion and checking in editors. Generated from [`spec`](super::spec).

use super::spec::{ScenarioSpec, SettingsSpec};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The schema of one document of a scenario file.
#[must_use]
pub fn scenario_schema() -> Value {
    schema::<ScenarioSpec>("urn:backup-assay:scenario", "assay scenario")
}

/// The schema of `assay.yaml`.
#[must_use]
pub fn settings_schema() -> Value {
    schema::<SettingsSpec>("urn:backup-assay:settings", "assay.yaml")
}

fn schema<T: JsonSchema>(id: &str, title: &str) -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), json!(id));
    schema.insert("title".to_owned(), json!(title));
    let mut schema = schema.to_value();
    describe_variants(&mut schema);
    schema
}

/// Gives the one key of an enum's variant the variant's description: schemars writes it beside the key, where editors do not
/// look.
fn describe_variants(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(describe_variants),
        Value::Object(map) => {
            let description = map.get("description").cloned();
            if let (Some(description), Some(Value::Object(properties))) = (description, map.get_mut("properties"))
                && properties.len() == 1
            {
                for property in properties.values_mut().filter_map(Value::as_object_mut) {
                    property.entry("description").or_insert(description.clone());
                }
            }
            map.values_mut().for_each(describe_variants);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every property of every object in a schema, with the path to it.
    fn properties<'a>(value: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
        match value {
            Value::Object(map) => {
                for (key, inner) in map {
                    let path = format!("{path}/{key}");
                    if let ("properties", Value::Object(properties)) = (key.as_str(), inner) {
                        found.extend(properties.iter().map(|(name, property)| (format!("{path}/{name}"), property)));
                    }
                    properties(inner, &path, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| properties(item, path, found)),
            _ => {}
        }
    }

    fn objects<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(map) => {
                if map.contains_key("properties") {
                    found.push(value);
                }
                map.values().for_each(|inner| objects(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_field_is_described_and_no_other_is_allowed() {
        for (schema, least) in [(scenario_schema(), 30), (settings_schema(), 25)] {
            let mut found = Vec::new();
            properties(&schema, "", &mut found);
            assert!(found.len() >= least, "{} fields", found.len());
            for (path, property) in found {
                let described = property["description"].as_str().is_some_and(|text| text.len() > 10);
                assert!(described, "{path} has no description: {property}");
            }
            let mut closed = Vec::new();
            objects(&schema, &mut closed);
            for object in closed {
                assert_eq!(object["additionalProperties"], json!(false), "{object}");
            }
        }
    }

    #[test]
    fn they_are_schemas_and_say_which() {
        for schema in [scenario_schema(), settings_schema()] {
            assert_eq!(schema["$schema"], json!("https://json-schema.org/draft/2020-12/schema"));
            assert!(schema["$id"].is_string() && schema["title"].is_string());
            assert!(jsonschema::draft202012::meta::is_valid(&schema));
        }
    }

    #[test]
    fn required_keys_and_forms_are_in_them() {
        let validator = jsonschema::validator_for(&scenario_schema()).expect("a schema");
        let artifact = json!({ "store": "s", "key": "k" });
        let whole = json!({ "name": "a", "artifact": artifact, "postgres": {} });
        assert!(validator.is_valid(&whole));
        for wrong in [
            json!({ "artifact": artifact, "postgres": {} }),
            json!({ "name": "a", "postgres": {} }),
            json!({ "name": "a", "artifact": artifact }),
            json!({ "name": "a", "artifact": { "store": "s" }, "postgres": {} }),
            json!({ "name": "a", "artifact": artifact, "postgres": { "version": 11 } }),
            json!({ "name": "a", "artifact": artifact, "postgres": {}, "open": ["age"] }),
            json!({ "name": "a", "artifact": artifact, "postgres": {}, "open": [{ "age": { "identity": "literal" } }] }),
            json!({ "name": "a", "artifact": artifact, "postgres": {}, "checks": [{ "count": { "of": "tables" } }] }),
        ] {
            assert!(!validator.is_valid(&wrong), "{wrong}");
        }
    }
}
