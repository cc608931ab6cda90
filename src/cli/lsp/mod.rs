//! `palisade lsp`: a language server over standard input and output. It audits the workspace as `check` does, with the texts
//! that are open in the editor in place of the files.

mod actions;
mod capabilities;
mod diagnostics;
mod documents;
mod estate;
mod position;
mod server;
mod wire;

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use clap::Args;
use gen_lsp_types::json_rpc::Id;
use gen_lsp_types::{CancelParams, LspNotificationMethod};

use server::Server;
use wire::Incoming;

/// `palisade lsp`.
#[derive(Args)]
pub struct Lsp {
    /// Talk over standard input and output, as is done anyway; many editors say so
    #[arg(long, hide = true)]
    pub stdio: bool,
}

/// Talks with an editor until it says goodbye. Answers with the exit code of the protocol: 0 after a proper goodbye, else 1.
pub fn run() -> u8 {
    let (sender, receiver) = channel();
    // Messages are read while an audit runs, so that one that was taken back is seen in time. The thread ends with its
    // input, or with the program.
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(incoming)) = wire::read(&mut input) {
            if sender.send(incoming).is_err() {
                return;
            }
        }
    });
    let mut queue = Queue { receiver, waiting: VecDeque::new() };
    let mut server = Server::new(io::stdout().lock());
    // An editor that does not read any more is gone.
    converse(&mut queue, &mut server).unwrap_or(1)
}

fn converse<W: io::Write>(queue: &mut Queue, server: &mut Server<W>) -> io::Result<u8> {
    loop {
        match queue.next(server.due()) {
            Next::Message(incoming) => {
                if let Some(code) = server.take(incoming, |id| queue.is_cancelled(id))? {
                    return Ok(code);
                }
            }
            Next::Quiet => server.audit()?,
            Next::End => return Ok(server.exit_code()),
        }
    }
}

/// What has arrived and was not taken yet.
struct Queue {
    receiver: Receiver<Incoming>,
    waiting: VecDeque<Incoming>,
}

enum Next {
    Message(Incoming),
    /// Nothing has arrived until the time that was given.
    Quiet,
    End,
}

impl Queue {
    fn next(&mut self, until: Option<Instant>) -> Next {
        self.waiting.extend(self.receiver.try_iter());
        if let Some(incoming) = self.waiting.pop_front() {
            return Next::Message(incoming);
        }
        let received = match until {
            None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => self.receiver.recv_timeout(until.saturating_duration_since(Instant::now())),
        };
        match received {
            Ok(incoming) => Next::Message(incoming),
            Err(RecvTimeoutError::Timeout) => Next::Quiet,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }

    /// Whether the sender of a request has taken it back since.
    fn is_cancelled(&mut self, id: &Id) -> bool {
        self.waiting.extend(self.receiver.try_iter());
        self.waiting.iter().any(|incoming| cancelled(incoming).as_ref() == Some(id))
    }
}

/// The request that a message takes back.
fn cancelled(incoming: &Incoming) -> Option<Id> {
    let Incoming::Notification { method, params } = incoming else { return None };
    let is_cancel = method == LspNotificationMethod::CancelRequest.as_str();
    let params: CancelParams = is_cancel.then(|| serde_json::from_value(params.clone()).ok()).flatten()?;
    Some(params.id.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_taken_back_is_seen_before_it_is_answered() {
        let (sender, receiver) = channel();
        let mut queue = Queue { receiver, waiting: VecDeque::new() };
        let cancel = |id: i64| Incoming::Notification {
            method: "$/cancelRequest".to_owned(),
            params: serde_json::json!({ "id": id }),
        };
        sender.send(Incoming::Response).expect("the queue is there");
        sender.send(cancel(2)).expect("the queue is there");
        assert!(matches!(queue.next(None), Next::Message(Incoming::Response)));
        assert!(queue.is_cancelled(&Id::Number(2)) && !queue.is_cancelled(&Id::Number(1)));
        sender.send(cancel(1)).expect("the queue is there");
        assert!(queue.is_cancelled(&Id::Number(1)));
    }

    #[test]
    fn the_end_comes_after_what_was_sent() {
        let (sender, receiver) = channel();
        let mut queue = Queue { receiver, waiting: VecDeque::new() };
        sender.send(Incoming::Response).expect("the queue is there");
        drop(sender);
        assert!(matches!(queue.next(Some(Instant::now())), Next::Message(Incoming::Response)));
        assert!(matches!(queue.next(Some(Instant::now())), Next::End));
    }

    #[test]
    fn quiet_is_when_nothing_comes() {
        let (_sender, receiver) = channel();
        let mut queue = Queue { receiver, waiting: VecDeque::new() };
        assert!(matches!(queue.next(Some(Instant::now())), Next::Quiet));
    }
}
