typedef int net_empty;
