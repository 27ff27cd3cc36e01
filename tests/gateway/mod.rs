//! The gateway as a person or a script meets it: the built program, with real stores, clients and providers around it.

mod authority;
