//! Text and places in it: the walk over the input, the parsers, and one table of nodes with exact spans.
//! Nothing here has heard of Kubernetes; the one file that names the YAML crate is `yaml.rs`,
//! and the one that names the HCL crate is `hcl.rs`.

mod edit;
mod hcl;
mod json;
mod parse;
mod place;
mod recognise;
mod scalar;
mod tree;
mod walk;
mod yaml;

pub use edit::{Edit, Holder, Replacement};
pub use parse::{Parsed, Problem, Unparsed, embedded, parse, parse_all};
pub(crate) use place::as_offset;
pub use place::{
    Contents, LineColumn, Location, Source, SourceId, Sources, Span, Spanned, folder, folder_beside, joined,
};
pub use recognise::is_read;
pub use scalar::Scalar;
pub use tree::{Document, Entry, Node, Shape};
pub use walk::{Skipped, Walk, WalkError, from_bytes, from_text, reason, walk};
