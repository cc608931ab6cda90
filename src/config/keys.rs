//! Every key of the settings: its name, what it is for, and what its value looks like. The reader checks against this
//! list, and the schema for editors is written from it.

use super::{Part, failing_word};
use crate::finding::{Confidence, Level, Severity};

/// A key and what stands under it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    /// One sentence for who writes the settings.
    pub about: &'static str,
    pub shape: Shape,
    pub required: bool,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A line of text that says something; what it is, for messages.
    Text(&'static str),
    /// Text of a form of its own.
    Form(Form),
    /// `true` or `false`.
    Flag,
    /// One of some words.
    Word(fn() -> Vec<&'static str>),
    /// The id of a rule.
    Rule,
    List(&'static Shape),
    /// Exactly these keys.
    Keys(&'static [Key]),
    /// Exactly one of these keys.
    OneOf(&'static [Key]),
    /// Rule ids and their levels.
    Levels,
    /// Names of the user's own, each with a value of this shape.
    Named(&'static Shape),
}

/// A form of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `1.28`
    Version,
    /// `2027-06-30`
    Date,
    /// `team-x` or `team-x/Deployment/app`
    Source,
    /// `example.com:443`, `10.0.0.0/8`
    Target,
    /// `kube-system/*`
    Objects,
}

impl Form {
    /// What the form looks like, for messages.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Version => "a version such as `\"1.28\"`",
            Self::Date => "a day such as `2027-06-30`",
            Self::Source => "a namespace or `namespace/Kind/name`",
            Self::Target => "a host, an address or a block, with a port where it matters, such as `example.com:443`",
            Self::Objects => "`namespace/name`, `namespace/Kind/name` or, for what is in no namespace, `Kind/name`",
        }
    }

    /// The form as a regular expression.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Version => r"^v?[0-9]+\.[0-9]+([.-].*)?$",
            Self::Date => r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            Self::Source => r"^[^/\s]+(/[^/\s]+/[^/\s]+)?$",
            Self::Target => r"^\S+$",
            Self::Objects => r"^[^/\s]+(/[^/\s]+){0,2}$",
        }
    }
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, about, shape, required: false }
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, about, shape, required: true }
}

const NAMESPACES: Shape = Shape::List(&Shape::Text("the name of a namespace"));

/// The settings as a whole.
pub const KEYS: &[Key] = &[
    key("istio-version", Shape::Form(Form::Version), "The Istio version to assume where defaults differ."),
    key(
        "egress-namespaces",
        NAMESPACES,
        "Namespaces that hold the egress gateway, besides those that the input shows.",
    ),
    key("system-namespaces", NAMESPACES, "Namespaces of the platform, besides the built-in list."),
    key(
        "admins",
        Shape::List(&Shape::Text("a subject such as `group:network-admins@example.com`")),
        "Subjects that are allowed to manage egress.",
    ),
    key(
        "complete",
        Shape::List(&Shape::Word(parts)),
        "Parts of the estate that the input holds completely, so that what is not in it is missing.",
    ),
    key("rules", Shape::Levels, "The level of a rule where it is not the one of its severity."),
    key(
        "expect",
        Shape::List(&Shape::OneOf(EXPECT)),
        "What must be able to leave, and what must not; the audit refutes or proves each statement.",
    ),
    key("ignore", Shape::List(&Shape::Keys(IGNORE)), "Findings that are known and accepted, each with a reason."),
    key(
        "estates",
        Shape::Named(&Shape::List(&Shape::Text("a path below the folder of the settings"))),
        "Parts of the repository that are audited apart, each a list of paths.",
    ),
    key("fail-on", Shape::Word(failing), "The lowest level that fails the audit."),
    key("min-severity", Shape::Word(severities), "Report nothing less severe."),
    key("min-confidence", Shape::Word(confidences), "Report nothing less certain."),
    key("allow-unparsed", Shape::Flag, "Documents that cannot be parsed do not fail the audit."),
];

/// An entry of `expect`.
pub(super) const EXPECT: &[Key] = &[
    key("allow", Shape::Keys(STATEMENT), "This must be able to leave."),
    key("deny", Shape::Keys(STATEMENT), "This must not be able to leave."),
];

/// What an expectation says.
pub(super) const STATEMENT: &[Key] = &[
    required("from", Shape::Form(Form::Source), "Who: a namespace, or one workload as `namespace/Kind/name`."),
    required("to", Shape::Form(Form::Target), "Where to: a host, an address or a block, with a port where it matters."),
    key("via", Shape::Word(ways), "By which way out; any where left out."),
];

/// An entry of `ignore`.
pub(super) const IGNORE: &[Key] = &[
    required("rule", Shape::Rule, "The rule whose findings are accepted."),
    required("resource", Shape::Form(Form::Objects), "The objects it is about; `*` stands for any part of a name."),
    required("reason", Shape::Text("a reason"), "Why this is accepted, for who reads it in a year."),
    key("until", Shape::Form(Form::Date), "The last day on which this holds."),
];

/// The ways out that an expectation can name (contract: `paths`, `via`).
pub const WAYS: [&str; 8] = ["direct", "sidecar", "gateway", "gateway-node", "pivot", "google-api", "dns", "private"];

fn parts() -> Vec<&'static str> {
    Part::ALL.map(Part::as_str).to_vec()
}

fn ways() -> Vec<&'static str> {
    WAYS.to_vec()
}

fn failing() -> Vec<&'static str> {
    Level::ALL.map(failing_word).to_vec()
}

fn severities() -> Vec<&'static str> {
    Severity::ALL.map(Severity::as_str).to_vec()
}

fn confidences() -> Vec<&'static str> {
    Confidence::ALL.map(Confidence::as_str).to_vec()
}
