//! stub
pub mod analysis;
pub mod config;
pub mod finding;
pub mod model;
pub mod report;
pub mod resource;
pub mod rule;
pub mod rules;
pub mod source;
pub mod traffic;
pub mod triage;
