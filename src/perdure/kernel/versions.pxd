cdef object read_item(int space, bytes key, object item, object fold)
