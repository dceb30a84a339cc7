//! Why a connection string cannot be used, without a word of it: any of them may be part of a
//! password.

use std::fmt;

/// How such a string looks.
const EXAMPLE: &str = "it looks like postgres://USER:PASSWORD@HOST:PORT/NAME, \
                       postgres://USER@/NAME?host=/run/postgresql or \"host=HOST user=USER dbname=NAME\"";

/// How to write what a URL keeps for itself.
pub(in crate::settings) const ENCODE: &str = "in a user, password or name write @ as %40, : as %3A, \
                       / as %2F, ? as %3F, # as %23, & as %26, = as %3D and % as %25";

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is there.
    Empty,
    /// A URL of something else.
    Scheme,
    /// An `@`, or what stands at the place of a host or port, must be percent-encoded.
    Unencoded,
    /// A `%` that is followed by no two hexadecimal digits, or by those of no text.
    Percent,
    /// An IPv6 address without its other bracket, or with something behind it.
    Brackets,
    /// A parameter without `=`.
    NoValue,
    /// A parameter with two `=`.
    TwoValues,
    /// A quoted value without its end.
    Quote,
    /// A parameter that libpq does not know.
    Unknown {
        /// Its name, unless that may be part of a password.
        name: Option<String>,
        /// The one that was probably meant.
        meant: Option<&'static str>,
    },
    /// A parameter of libpq that ostrakon cannot obey.
    Unsupported(&'static str),
    /// A parameter with a value that it does not take.
    Value {
        /// The parameter.
        name: &'static str,
        /// What it takes.
        accepts: String,
    },
    /// Lists of hosts, addresses and ports of different lengths.
    Lengths,
    /// A host that can be none.
    Host,
}

impl Fault {
    /// Says the environment variable that a parameter was taken from.
    pub(super) fn of(self, variable: Option<&'static str>) -> String {
        match variable {
            Some(variable) => format!("{self} (it comes from the environment variable {variable})"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it is empty; {EXAMPLE}"),
            Self::Scheme => write!(f, "it is a URL of something else; {EXAMPLE}"),
            Self::Unencoded => {
                write!(
                    f,
                    "the user or password, or something behind them, is not percent-encoded; {ENCODE}"
                )
            }
            Self::Host => write!(
                f,
                "the host is no name, no address and no folder of a socket; if it is part of a password, {ENCODE}"
            ),
            Self::Percent => {
                write!(f, "a % is not followed by two hexadecimal digits of UTF-8 text; {ENCODE}")
            }
            Self::Brackets => f.write_str(
                "an IPv6 address stands between [ and ], and only a port, / or ? may follow it",
            ),
            Self::NoValue => write!(f, "a parameter has no value; {EXAMPLE}; {ENCODE}"),
            Self::TwoValues => write!(f, "a parameter has two \"=\"; {ENCODE}"),
            Self::Quote => f.write_str("a value that begins with ' does not end with one"),
            Self::Unknown { name, meant } => {
                match name {
                    Some(name) => write!(f, "it has the unknown parameter {name}")?,
                    None => f.write_str("it has an unknown parameter")?,
                }
                match meant {
                    Some(meant) => write!(f, "; did you mean {meant}?")?,
                    None => f.write_str("; the parameters are those of libpq.")?,
                }
                if name.is_none() {
                    write!(f, " If it is part of a password, {ENCODE}")
                } else {
                    Ok(())
                }
            }
            Self::Unsupported(name) => write!(
                f,
                "ostrakon cannot do what the parameter {name} demands, and does not connect without it; leave it out if you can do without"
            ),
            Self::Value { name, accepts } => write!(f, "{name} must be {accepts}"),
            Self::Lengths => f.write_str(
                "there must be one port, or as many as hosts, and as many hostaddr as hosts",
            ),
        }
    }
}
