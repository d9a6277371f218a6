"""Remote: versions and aliases in an object store, with copies of what is needed on this disk.

The lab writes and reads by `remote_store`; the API reads its copies by `cached_store`, which
`service.api.registry.mirror` keeps in step. A file's content is the same as in a folder of models;
`keys` says where it is. Imports `contract.model` and, by name alone, `contract.objects`.
"""
