"""The client: send a table to the API in requests, and get a table of predictions back.

A row comes in by `table_requests`, goes to the API by `client`, and leaves in the columns of
`answer_table`. The truth about it goes there by `truth`; what that means for a model, `labels`
says. How much the API bears, `load` measures. Imports `service.contract`, and no other room of the
lab.
"""
