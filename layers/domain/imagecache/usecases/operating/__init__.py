"""What an operator starts: jobs and changes of single images, and who may do so."""
