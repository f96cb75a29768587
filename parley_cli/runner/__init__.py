"""The local function runner: AWS's part between object events and our functions, on one machine."""
