"""The doctor: looks at what the loop needs, and says what to do. Imports every room of the lab."""
