//! Query strings that are understood, and the message for each that is not.
