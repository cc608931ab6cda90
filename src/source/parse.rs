//! stub
use super::{Document, Location, Node, Source};
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub at: Location,
    pub message: String,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unparsed {
    pub at: Location,
    pub reason: String,
}
#[derive(Debug, Default)]
pub struct Parsed<'s> {
    pub documents: Vec<Document<'s>>,
    pub unparsed: Vec<Unparsed>,
    pub problems: Vec<Problem>,
}
pub fn parse(_source: &Source) -> Parsed<'_> {
    Parsed::default()
}
pub fn parse_all(_sources: &super::Sources) -> Parsed<'_> {
    Parsed::default()
}
pub fn embedded<'s>(_text: Node<'s>) -> Result<Vec<Document<'s>>, Unparsed> {
    Ok(Vec::new())
}
