//! Gateway: the listeners of a proxy at the edge of the mesh.

use super::{Setting, mode_at};
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A gateway. Without a selector it configures every gateway proxy (semantics C.0).
#[derive(Clone, Debug)]
pub struct Gateway<'a> {
    pub selector: Option<Labels<'a>>,
    pub servers: Vec<Server<'a>>,
}

/// One listener as written.
#[derive(Clone, Debug)]
pub struct Server<'a> {
    pub port: Option<Spanned<i64>>,
    pub name: Option<Text<'a>>,
    pub protocol: Option<Text<'a>>,
    pub hosts: Vec<Text<'a>>,
    pub tls: Option<ServerTls<'a>>,
    /// The server's first key.
    pub at: Location,
}

/// The `tls` block of a server.
#[derive(Clone, Copy, Debug)]
pub struct ServerTls<'a> {
    pub mode: Setting<'a>,
    /// Whether a certificate authority of its own is named, so that clients need not come from the mesh.
    pub own_authority: Option<Text<'a>>,
    /// Whether clients of plain text are sent on to HTTPS.
    pub redirects: bool,
}

fn server_tls<'a>(reader: &mut Reader, server: Node<'a>) -> Option<ServerTls<'a>> {
    let mode = mode_at(reader, server, "tls")?;
    let block = reader.mapping_at(server, "tls")?;
    let authority = reader.text_at(block, "caCertificates").or_else(|| reader.text_at(block, "credentialName"));
    let redirects = reader.flag_at(block, "httpsRedirect").is_some_and(|redirects| redirects.value);
    Some(ServerTls { mode, own_authority: authority, redirects })
}

fn server<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Server<'a>> {
    let node = reader.mapping(node)?;
    let port = reader.mapping_at(node, "port");
    Some(Server {
        port: port.and_then(|port| reader.integer_at(port, "number")),
        name: port.and_then(|port| reader.text_at(port, "name")),
        protocol: port.and_then(|port| reader.text_at(port, "protocol")),
        hosts: reader.texts_at(node, "hosts"),
        tls: server_tls(reader, node),
        at: node.head(),
    })
}

pub(in crate::resource) fn gateway<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Gateway<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    let selector = Reader::field(spec, "selector").map(|_| reader.labels_at(spec, "selector"));
    Some(Gateway {
        selector: selector.filter(|labels| !labels.is_empty()),
        servers: reader.list_at(spec, "servers", server),
    })
}
