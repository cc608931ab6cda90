//! The rules, sorted by id.
use crate::rule::Rule;
pub static RULES: &[&Rule] = &[];
