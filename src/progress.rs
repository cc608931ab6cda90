//! How far a run has come, for whoever waits for it: the library notes it, and another thread may look.
//!
//! A note is one store into memory that the process shares, so that no function has to hand an observer down to where the
//! work is done. A process that has several runs at once sees the latest note of any.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

/// A step of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Reading,
    Parsing,
    Modelling,
    Analysis,
    Rules,
    /// What would follow from changes that nobody has made.
    Advice,
    Judging,
}

impl Stage {
    const ALL: [Self; 7] =
        [Self::Reading, Self::Parsing, Self::Modelling, Self::Analysis, Self::Rules, Self::Advice, Self::Judging];
}

/// The stage under way, counted from 1; none before the first.
static STAGE: AtomicU8 = AtomicU8::new(0);
static DONE: AtomicUsize = AtomicUsize::new(0);
static PARTS: AtomicUsize = AtomicUsize::new(0);

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    /// Files while they are read and parsed, estates from then on.
    pub parts: usize,
    pub done: usize,
}

/// A stage begins that has a number of parts.
pub fn begin(stage: Stage, parts: usize) {
    DONE.store(0, Relaxed);
    PARTS.store(parts, Relaxed);
    enter(stage);
}

/// The next stage of the same parts begins in one of them.
pub fn enter(stage: Stage) {
    STAGE.store(stage as u8 + 1, Relaxed);
}

/// One more part is done.
pub fn step() {
    DONE.fetch_add(1, Relaxed);
}

/// Where the run is; nowhere before it has begun.
#[must_use]
pub fn now() -> Option<Progress> {
    let stage = usize::from(STAGE.load(Relaxed)).checked_sub(1).and_then(|index| Stage::ALL.get(index))?;
    Some(Progress { stage: *stage, parts: PARTS.load(Relaxed), done: DONE.load(Relaxed) })
}
