mod changes;
mod fixtures;
mod machine;
mod reconcile;
mod wire;
