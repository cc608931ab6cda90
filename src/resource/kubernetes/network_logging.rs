//! What Dataplane V2 logs of the decisions of network policies.

use crate::resource::reader::Reader;
use crate::source::{Node, Spanned};

/// A `NetworkLogging` as written: whether what is allowed and what is denied is logged.
#[derive(Clone, Copy, Debug, Default)]
pub struct NetworkLogging {
    pub allow: Option<Spanned<bool>>,
    pub deny: Option<Spanned<bool>>,
}

/// Reads a `NetworkLogging`.
pub(in crate::resource) fn network_logging(reader: &mut Reader, node: Node<'_>) -> NetworkLogging {
    let mut log = |side: &str| {
        let side = reader.mapping_under(node, &["spec", "cluster", side])?;
        reader.flag_at(side, "log")
    };
    NetworkLogging { allow: log("allow"), deny: log("deny") }
}
