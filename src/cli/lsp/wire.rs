//! Messages on the wire: a header with a length, then JSON. What is no message is said, and the next one is read.

use std::io::{self, BufRead, Read, Write};

use gen_lsp_types::ErrorCodes;
use gen_lsp_types::json_rpc::{Error, Id, RequestObject};
use serde::Serialize;
use serde_json::Value;

/// The longest message that is read, in bytes. Longer ones are passed over.
const MAX_BYTES: u64 = 1 << 28;

/// The longest line of a header, in bytes.
const MAX_HEADER: u64 = 1 << 12;

/// What a client sent.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    Request {
        id: Id,
        method: String,
        params: Value,
    },
    Notification {
        method: String,
        params: Value,
    },
    /// The answer to a request of ours.
    Response,
    /// No message of the protocol: what to answer, and to whom, as far as that can be told.
    Bad {
        id: Id,
        error: Error,
    },
}

/// Reads the next message; none where the input has ended.
///
/// # Errors
/// The input cannot be read.
pub fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        input.by_ref().take(MAX_HEADER).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        match (line.trim_ascii(), length) {
            // A blank line before any header is nothing yet.
            (b"", None) => {}
            (b"", Some(length)) => return body(input, length),
            (header, _) => match content_length(header) {
                Header::Length(bytes) => length = Some(bytes),
                Header::Other => {}
                Header::Wrong => {
                    let said = format!("not a header: {}", String::from_utf8_lossy(header));
                    return Ok(Some(bad(Id::Null, ErrorCodes::ParseError, said)));
                }
            },
        }
    }
}

enum Header {
    Length(u64),
    Other,
    Wrong,
}

fn content_length(line: &[u8]) -> Header {
    let Some((name, value)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':')) else {
        return Header::Wrong;
    };
    match (name.trim(), value.trim().parse()) {
        (name, Ok(length)) if name.eq_ignore_ascii_case("content-length") => Header::Length(length),
        (name, _) if name.eq_ignore_ascii_case("content-type") => Header::Other,
        _ => Header::Wrong,
    }
}

fn body(input: &mut impl BufRead, length: u64) -> io::Result<Option<Incoming>> {
    if length > MAX_BYTES {
        io::copy(&mut input.by_ref().take(length), &mut io::sink())?;
        let said = format!("a message of {length} bytes is longer than is read ({MAX_BYTES})");
        return Ok(Some(bad(Id::Null, ErrorCodes::InvalidRequest, said)));
    }
    let mut body = Vec::new();
    let read = input.by_ref().take(length).read_to_end(&mut body)?;
    Ok((read as u64 == length).then(|| message(&body)))
}

/// Takes a text for a message.
fn message(body: &[u8]) -> Incoming {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => return bad(Id::Null, ErrorCodes::ParseError, format!("not JSON: {error}")),
    };
    if value.get("method").is_none() && (value.get("result").is_some() || value.get("error").is_some()) {
        return Incoming::Response;
    }
    let id = value.get("id").and_then(|id| serde_json::from_value(id.clone()).ok()).unwrap_or(Id::Null);
    let request: RequestObject = match serde_json::from_value(value) {
        Ok(request) => request,
        Err(error) => return bad(id, ErrorCodes::InvalidRequest, format!("not a message: {error}")),
    };
    let (method, id, params) = request.into_parts();
    let params = params.unwrap_or(Value::Null);
    match id {
        _ if method.is_empty() => bad(id.unwrap_or(Id::Null), ErrorCodes::InvalidRequest, "no method".to_owned()),
        Some(Id::Null) => bad(Id::Null, ErrorCodes::InvalidRequest, "the id of a request is null".to_owned()),
        Some(id) => Incoming::Request { id, method, params },
        None => Incoming::Notification { method, params },
    }
}

fn bad(id: Id, code: ErrorCodes, message: String) -> Incoming {
    Incoming::Bad { id, error: Error { code, message, data: None } }
}

/// Writes a message.
///
/// # Errors
/// The client does not read any more.
pub fn write(output: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
    output.write_all(&body)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Vec<Incoming> {
        let mut input = input;
        std::iter::from_fn(|| read(&mut input).expect("a slice can be read")).collect()
    }

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    fn exit() -> String {
        framed(r#"{"jsonrpc":"2.0","method":"exit"}"#)
    }

    fn code(incoming: &Incoming) -> Option<ErrorCodes> {
        match incoming {
            Incoming::Bad { error, .. } => Some(error.code),
            _ => None,
        }
    }

    #[test]
    fn messages_are_told_apart() {
        let request = framed(r#"{"jsonrpc":"2.0","id":"a","method":"m","params":[1]}"#);
        let answer = framed(r#"{"jsonrpc":"2.0","id":1,"result":null}"#);
        let read = all(format!("{request}{}{answer}", exit()).as_bytes());
        let params = serde_json::json!([1]);
        assert_eq!(read[0], Incoming::Request { id: Id::String("a".to_owned()), method: "m".to_owned(), params });
        assert_eq!(read[1], Incoming::Notification { method: "exit".to_owned(), params: Value::Null });
        assert_eq!(read[2], Incoming::Response);
    }

    #[test]
    fn what_is_no_message_is_said_and_the_next_one_read() {
        let deep = "[".repeat(100_000);
        let bodies =
            ["{", "", "\u{1}", "[]", "{}", "1", r#"{"id":1}"#, r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, &deep];
        for body in bodies.into_iter().chain([r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#]) {
            let read = all(format!("{}{}", framed(body), exit()).as_bytes());
            assert!(code(&read[0]).is_some() && read.len() == 2, "{body:.40}: {read:.200?}");
        }
    }

    #[test]
    fn an_answer_goes_to_the_id_that_can_be_told() {
        let read = all(framed(r#"{"jsonrpc":"2.0","id":7,"method":3}"#).as_bytes());
        assert!(matches!(&read[0], Incoming::Bad { id: Id::Number(7), .. }), "{read:?}");
    }

    #[test]
    fn headers_may_be_odd_and_must_not_be_wrong() {
        let body = r#"{"jsonrpc":"2.0","method":"exit"}"#;
        let length = body.len();
        let odd =
            format!("content-length:{length}\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{body}");
        assert_eq!(all(odd.as_bytes()).len(), 1);
        for wrong in
            ["nonsense\r\n", "Content-Length: -1\r\n", "Content-Length: 99999999999999999999999\r\n", "\u{0}\n"]
        {
            let read = all(format!("{wrong}{}", exit()).as_bytes());
            assert_eq!(read.iter().map(code).collect::<Vec<_>>(), [Some(ErrorCodes::ParseError), None], "{wrong:?}");
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_passed_over() {
        let header = format!("Content-Length: {}\r\n\r\n", MAX_BYTES + 1);
        let (body, exit) = (io::repeat(b' ').take(MAX_BYTES + 1), exit());
        let mut input = io::BufReader::new(header.as_bytes().chain(body).chain(exit.as_bytes()));
        let read: Vec<_> = std::iter::from_fn(|| read(&mut input).expect("it can be read")).collect();
        assert_eq!(read.iter().map(code).collect::<Vec<_>>(), [Some(ErrorCodes::InvalidRequest), None]);
        // One that is cut off is the end.
        assert_eq!(all(b"Content-Length: 99\r\n\r\n{"), []);
        assert_eq!(all(format!("Content-Length: {}\r\n\r\n{{", u64::MAX).as_bytes()).len(), 1);
    }
}
