mod changes;
mod fixtures;
mod machine;
mod members;
mod reconcile;
mod wire;
mod witnesses;
