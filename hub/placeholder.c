/* placeholder */ typedef int hub_empty;
