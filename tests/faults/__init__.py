"""The fault suite: one scenario, one fault, one real operator process on a real API server, and fifteen questions about what it wrote.

`world` is what all trials share, `trial` one run of a scenario under a fault, `proxy` what stands between operator and API server,
`played_controllers` what stands in for the Job controller, kubelet, garbage collector and namespace controller (the real ones batch
their updates by the second, and there are thousands of trials), `oracles` the questions."""
