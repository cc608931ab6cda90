//! Rules on what network policies allow, and on policies that do not do what they seem to.

pub(super) mod missing_egress_isolation;
