//! stub
use crate::model::Estate;
use crate::source::Location;
use crate::traffic::Traffic;

/// The weakest attacker who can do something (semantics 0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// An ordinary application, as its manifest says.
    Application,
    /// Code execution in one of its containers.
    CodeExecution,
}

/// A way around the proxy: which traffic leaves a workload unseen by the mesh, who can do it, and what makes it so.
#[derive(Clone, Debug)]
pub struct Escape {
    pub traffic: Traffic,
    pub tier: Tier,
    /// Says what is, as a clause of a sentence.
    pub reason: String,
    pub at: Location,
}

/// Injection stub
#[derive(Clone, Debug, Default)]
pub enum Injection {
    #[default]
    In,
    Unknown {},
}

/// What of a workload's traffic the mesh sees.
#[derive(Clone, Debug, Default)]
pub struct Capture<'a> {
    /// The ways around the proxy, strongest first.
    pub escapes: Vec<Escape>,
    /// stub
    pub injection: Injection,
    marker: std::marker::PhantomData<&'a ()>,
}

pub(super) fn capture<'a>(estate: &'a Estate<'a>) -> Vec<Capture<'a>> {
    estate.workloads.iter().map(|_| Capture::default()).collect()
}
