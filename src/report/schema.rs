//! The JSON Schema of the settings, for editors: written from the list of keys that the reader checks against.

use serde_json::{Map, Value, json};

use crate::config::{KEYS, Key, Shape};
use crate::finding::Level;
use crate::rule::Rule;

/// The schema of `palisade.yaml`.
#[must_use]
pub fn config_schema(rules: &[&'static Rule]) -> String {
    let mut schema = keys(KEYS, rules);
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!("Settings of palisade"));
    super::pretty(&schema)
}

fn keys(keys: &[Key], rules: &[&'static Rule]) -> Map<String, Value> {
    let property = |key: &Key| {
        let mut shape = shape(&key.shape, rules);
        shape.insert("description".to_owned(), json!(key.about));
        (key.name.to_owned(), Value::Object(shape))
    };
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut object = object(json!({"type": "object", "additionalProperties": false}));
    object.insert("properties".to_owned(), Value::Object(keys.iter().map(property).collect()));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

fn shape(shape: &Shape, rules: &[&'static Rule]) -> Map<String, Value> {
    object(match *shape {
        Shape::Text(_) => json!({"type": "string", "minLength": 1}),
        Shape::Form(form) => json!({"type": "string", "pattern": form.pattern()}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Word(words) => json!({"enum": words()}),
        Shape::Rule => json!({"enum": rules.iter().map(|rule| rule.id).collect::<Vec<_>>()}),
        Shape::List(item) => json!({"type": "array", "items": self::shape(item, rules)}),
        Shape::Keys(list) => return keys(list, rules),
        Shape::OneOf(list) => {
            let mut choice = keys(list, rules);
            choice.insert("minProperties".to_owned(), json!(1));
            choice.insert("maxProperties".to_owned(), json!(1));
            return choice;
        }
        Shape::Levels => {
            // Written bare, `off` is a boolean to most editors.
            let level = json!({"enum": Level::ALL.map(Level::as_str).map(Value::from).into_iter().chain([json!(false)]).collect::<Vec<_>>()});
            let property = |rule: &&'static Rule| {
                let mut level = object(level.clone());
                level.insert("description".to_owned(), json!(rule.summary));
                (rule.id.to_owned(), Value::Object(level))
            };
            let properties: Map<String, Value> = rules.iter().map(property).collect();
            json!({"type": "object", "additionalProperties": false, "properties": properties})
        }
        Shape::Named(value) => json!({"type": "object", "additionalProperties": self::shape(value, rules)}),
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
