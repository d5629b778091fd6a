//! What a run of the steps is for, which decides what it may ask and record.

use super::signature::Admitted;

#[derive(Clone, Copy)]
pub(super) enum Mode {
    /// The first decision on a request.
    First,
    /// A second decision: the replay store has recorded the assertion for this request.
    Again(Admitted),
    /// A decision that leaves no trace, for an explanation: no permit, no charge and no admission.
    Dry,
}

impl Mode {
    pub(super) const fn is_first(self) -> bool {
        matches!(self, Self::First)
    }

    pub(super) const fn is_second(self) -> bool {
        matches!(self, Self::Again(_))
    }
}
