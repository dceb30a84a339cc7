//! The three database layouts that the product supports.

use std::fmt;

/// A server program whose database the product works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flavour {
    /// Pleroma 2.7, and what is made of it (`Release`).
    Pleroma,
    /// Akkoma 3.16, and what is made of it.
    Akkoma,
    /// Pleroma 2.1 to 2.2.
    Pleroma22,
}

impl Flavour {
    /// All flavours, for tests that must pass with each.
    pub const ALL: [Self; 3] = [Self::Pleroma, Self::Akkoma, Self::Pleroma22];

    /// Returns the name that the product and the folders of recordings use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pleroma => "pleroma",
            Self::Akkoma => "akkoma",
            Self::Pleroma22 => "pleroma22",
        }
    }

    /// Returns the statements that create the whole schema in an empty database.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Pleroma => include_str!("../schema/pleroma.sql"),
            Self::Akkoma => include_str!("../schema/akkoma.sql"),
            Self::Pleroma22 => include_str!("../schema/pleroma22.sql"),
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
