//! A value of the application that a client carries.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A value of any type. Clones share it.
#[derive(Clone)]
pub(super) struct Data(Arc<dyn Any + Send + Sync>);

impl Data {
    pub(super) fn new<T: Send + Sync + 'static>(value: T) -> Self {
        Self(Arc::new(value))
    }

    pub(super) fn get<T: 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

/// Hides the value, which may be a secret of the application.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}
